/* Gradients so small that the call is what costs. */
#include "arrays.h"

/* of 2 x^4 + x^3 + 3 x^2 + 5 x + 1; also called through ctypes */
double quartic_gradient(double x) { return ((8 * x + 3) * x + 6) * x + 5; }

FUNCTION(quartic) {
    if (count != 1 || !PyFloat_CheckExact(given[0])) {
        PyErr_SetString(PyExc_TypeError, "a float is wanted");
        return NULL;
    }
    return PyFloat_FromDouble(quartic_gradient(PyFloat_AS_DOUBLE(given[0])));
}

/* of sum(x^3 + 2 x) */
static inline void cubic_gradient(const double *restrict x, double *restrict out, size_t n) {
    for (size_t i = 0; i < n; i++) out[i] = 3 * x[i] * x[i] + 2;
}

FUNCTION(cubic) {
    if (!are_arrays(given, count, 1)) return refused();
    PyObject *out = fresh_like(given[0]);
    cubic_gradient(data(given[0]), data(out), extent(given[0], 0));
    return out;
}

FUNCTION(cubic_into) {
    if (!are_arrays(given, count, 2)) return refused();
    cubic_gradient(data(given[0]), data(given[1]), extent(given[0], 0));
    Py_INCREF(given[1]);
    return given[1];
}

/* of sum((x y - 1)^2) in x */
static inline void match_gradient(const double *restrict x, const double *restrict y, double *restrict out, size_t n) {
    for (size_t i = 0; i < n; i++) out[i] = 2 * (x[i] * y[i] - 1) * y[i];
}

FUNCTION(match) {
    if (!are_arrays(given, count, 2)) return refused();
    PyObject *out = fresh_like(given[0]);
    match_gradient(data(given[0]), data(given[1]), data(out), extent(given[0], 0));
    return out;
}

FUNCTION(match_into) {
    if (!are_arrays(given, count, 3)) return refused();
    match_gradient(data(given[0]), data(given[1]), data(given[2]), extent(given[0], 0));
    Py_INCREF(given[2]);
    return given[2];
}

/* gradient descent on mean((b0 + b1 x - y)^2) */
FUNCTION(regression) {
    if (count != 4 || !are_arrays(given, 2, 2)) return refused();
    const double *x = data(given[0]), *y = data(given[1]), rate = PyFloat_AsDouble(given[3]);
    npy_intp n = extent(given[0], 0), two[1] = {2};
    PyObject *result = PyArray_SimpleNew(1, two, NPY_DOUBLE);
    double *b = data(result);
    b[0] = b[1] = 0;
    for (long epoch = PyLong_AsLong(given[2]); epoch > 0; epoch--) {
        double first = 0, second = 0;
        for (npy_intp i = 0; i < n; i++) {
            double residual = b[0] + b[1] * x[i] - y[i];
            first += residual;
            second += residual * x[i];
        }
        b[0] -= rate * 2 * first / (double)n;
        b[1] -= rate * 2 * second / (double)n;
    }
    return result;
}

MODULE(small, METHOD(quartic), METHOD(cubic), METHOD(cubic_into), METHOD(match), METHOD(match_into), METHOD(regression))
