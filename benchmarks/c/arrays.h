/* Extension modules of functions that take and give float64 arrays, by the fast calling protocol. */
#ifndef ARRAYS_H
#define ARRAYS_H
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#define NPY_NO_DEPRECATED_API NPY_2_0_API_VERSION
#include <numpy/arrayobject.h>

#define FUNCTION(name) static PyObject *name(PyObject *module, PyObject *const *given, Py_ssize_t count)
#define METHOD(name) {#name, (PyCFunction)(void (*)(void))name, METH_FASTCALL, NULL}
#define MODULE(name, ...)                                                                  \
    static PyMethodDef methods[] = {__VA_ARGS__, {NULL}};                                  \
    static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, #name, NULL, -1, methods}; \
    PyMODINIT_FUNC PyInit_##name(void) {                                                   \
        import_array();                                                                    \
        return PyModule_Create(&definition);                                               \
    }

/* The arguments are checked as far as memory safety goes: contiguous float64 arrays. */
static inline int are_arrays(PyObject *const *given, Py_ssize_t count, Py_ssize_t expected) {
    if (count != expected) return 0;
    for (Py_ssize_t k = 0; k < count; k++)
        if (!PyArray_CheckExact(given[k]) || PyArray_TYPE((PyArrayObject *)given[k]) != NPY_DOUBLE ||
            !PyArray_ISCARRAY_RO((PyArrayObject *)given[k]))
            return 0;
    return 1;
}

static inline PyObject *refused(void) {
    PyErr_SetString(PyExc_TypeError, "contiguous float64 arrays are wanted");
    return NULL;
}

static inline double *data(PyObject *array) { return PyArray_DATA((PyArrayObject *)array); }
static inline npy_intp extent(PyObject *array, int axis) { return PyArray_DIM((PyArrayObject *)array, axis); }

/* A new array shaped like another. */
static inline PyObject *fresh_like(PyObject *array) {
    return PyArray_SimpleNew(PyArray_NDIM((PyArrayObject *)array), PyArray_DIMS((PyArrayObject *)array), NPY_DOUBLE);
}

static inline PyObject *pair(PyObject *first, PyObject *second) {
    PyObject *both = PyTuple_New(2);
    PyTuple_SET_ITEM(both, 0, first);
    PyTuple_SET_ITEM(both, 1, second);
    return both;
}

#endif
