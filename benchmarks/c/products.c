/* A B C by BLAS. */
#include "arrays.h"
#include "blas.h"
#include <stdlib.h>

/* dgemm's address, A, B, C: all square */
FUNCTION(chain) {
    if (count != 4 || !are_arrays(given + 1, 3, 3)) return refused();
    dgemm_pointer dgemm = dgemm_of(given[0]);
    int n = (int)extent(given[1], 0);
    PyObject *out = fresh_like(given[1]);
    double *between = malloc(sizeof(double) * n * n);
    multiply(dgemm, 'N', 'N', n, n, n, 1, data(given[1]), n, data(given[2]), n, 0, between, n);
    multiply(dgemm, 'N', 'N', n, n, n, 1, between, n, data(given[3]), n, 0, data(out), n);
    free(between);
    return out;
}

/* The same for every matrix of a batch. */
FUNCTION(chains) {
    if (count != 4 || !are_arrays(given + 1, 3, 3)) return refused();
    dgemm_pointer dgemm = dgemm_of(given[0]);
    int n = (int)extent(given[1], 1);
    PyObject *out = fresh_like(given[1]);
    double *between = malloc(sizeof(double) * n * n);
    for (npy_intp k = 0; k < extent(given[1], 0); k++) {
        size_t at = k * n * n;
        multiply(dgemm, 'N', 'N', n, n, n, 1, data(given[1]) + at, n, data(given[2]) + at, n, 0, between, n);
        multiply(dgemm, 'N', 'N', n, n, n, 1, between, n, data(given[3]) + at, n, 0, data(out) + at, n);
    }
    free(between);
    return out;
}

MODULE(products, METHOD(chain), METHOD(chains))
