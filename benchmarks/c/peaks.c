/* What the machine can do: multiply-adds a second, and bytes a second read and written at each level of memory. */
#include "arrays.h"
#include "lanes.h"

enum { CHAINS = 16 };

/* Independent chains of multiply-adds; gives the floating-point operations done. */
FUNCTION(multiply_add) {
    long turns = PyLong_AsLong(given[0]);
    lanes chain[CHAINS], factor = spread(0.999999), term = spread(1e-6);
    for (int k = 0; k < CHAINS; k++) chain[k] = spread(k);
    for (long turn = 0; turn < turns; turn++) {
#pragma GCC unroll 16
        for (int k = 0; k < CHAINS; k++) chain[k] = chain[k] * factor + term;
    }
    double kept = 0;
    for (int k = 0; k < CHAINS; k++) kept += sum_of(chain[k]);
    return PyFloat_FromDouble(kept == 1234.5 ? 0 : 2.0 * LANES * CHAINS * (double)turns);
}

/* out = 2 x, so many times; gives the bytes read and written. */
FUNCTION(scale) {
    if (count != 3 || !are_arrays(given, 2, 2)) return refused();
    const double *x = data(given[0]);
    double *out = data(given[1]);
    npy_intp n = extent(given[0], 0) / (4 * LANES) * (4 * LANES);
    long turns = PyLong_AsLong(given[2]);
    for (long turn = 0; turn < turns; turn++) {
        for (npy_intp i = 0; i < n; i += 4 * LANES)
            for (int k = 0; k < 4 * LANES; k += LANES) store(out + i + k, 2 * load(x + i + k));
        __asm__ volatile("" ::: "memory");
    }
    return PyFloat_FromDouble(16.0 * (double)n * (double)turns);
}

MODULE(peaks, METHOD(multiply_add), METHOD(scale))
