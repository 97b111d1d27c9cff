/* BLAS through pointers that Python gives: those of SciPy's own library. */
#ifndef BLAS_H
#define BLAS_H
#include <Python.h>

typedef void (*dgemm_pointer)(const char *, const char *, const int *, const int *, const int *, const double *,
                              const double *, const int *, const double *, const int *, const double *, double *,
                              const int *);

/* Row-major C[m, n] = alpha op(A) op(B) + beta C. */
static inline void multiply(dgemm_pointer dgemm, char a_is, char b_is, int m, int n, int k, double alpha, const double *a,
                            int a_row, const double *b, int b_row, double beta, double *c, int c_row) {
    dgemm(&b_is, &a_is, &n, &m, &k, &alpha, b, &b_row, a, &a_row, &beta, c, &c_row);
}

static inline dgemm_pointer dgemm_of(PyObject *address) { return (dgemm_pointer)PyLong_AsVoidPtr(address); }
#endif
