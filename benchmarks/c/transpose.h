/* Between an array of structures and one vector per member. */
#ifndef TRANSPOSE_H
#define TRANSPOSE_H
#include "lanes.h"

static inline lanes root(lanes x) {
#if defined(__AVX512F__)
    return (lanes)_mm512_sqrt_pd((__m512d)x);
#elif defined(__AVX2__)
    return (lanes)_mm256_sqrt_pd((__m256d)x);
#else
    for (int k = 0; k < LANES; k++) x[k] = __builtin_sqrt(x[k]);
    return x;
#endif
}

#define LISTED(...) __VA_ARGS__

/* Exchange blocks of `size` lanes between rows that are `size` apart; LOW and HIGH tell which lanes go where. */
#define EXCHANGE(square, size, LOW, HIGH)                                         \
    for (int row = 0; row < LANES; row++) {                                       \
        if (row / size % 2) continue;                                             \
        lanes first = square[row], second = square[row + size];                   \
        square[row] = __builtin_shufflevector(first, second, LISTED LOW);         \
        square[row + size] = __builtin_shufflevector(first, second, LISTED HIGH); \
    }

/* Transpose a square of LANES vectors in place. */
static inline __attribute__((always_inline)) void transpose(lanes square[LANES]) {
#if defined(__AVX512F__)
    EXCHANGE(square, 1, (0, 8, 2, 10, 4, 12, 6, 14), (1, 9, 3, 11, 5, 13, 7, 15))
    EXCHANGE(square, 2, (0, 1, 8, 9, 4, 5, 12, 13), (2, 3, 10, 11, 6, 7, 14, 15))
    EXCHANGE(square, 4, (0, 1, 2, 3, 8, 9, 10, 11), (4, 5, 6, 7, 12, 13, 14, 15))
#elif defined(__AVX2__)
    EXCHANGE(square, 1, (0, 4, 2, 6), (1, 5, 3, 7))
    EXCHANGE(square, 2, (0, 1, 4, 5), (2, 3, 6, 7))
#else
    EXCHANGE(square, 1, (0, 2), (1, 3))
#endif
}

/* One vector per member of LANES structures of `members` numbers each; the last square overlaps the one before. */
static inline __attribute__((always_inline)) void load_columns(const double *from, int members, lanes *to) {
#pragma GCC unroll 16
    for (int done = 0; done < members; done += LANES) {
        int start = done + LANES <= members ? done : members - LANES;
        lanes square[LANES];
        for (int row = 0; row < LANES; row++) square[row] = load(from + row * members + start);
        transpose(square);
        for (int row = 0; row < LANES; row++) to[start + row] = square[row];
    }
}

static inline __attribute__((always_inline)) void store_columns(double *to, int members, const lanes *from) {
#pragma GCC unroll 16
    for (int done = 0; done < members; done += LANES) {
        int start = done + LANES <= members ? done : members - LANES;
        lanes square[LANES];
        for (int row = 0; row < LANES; row++) square[row] = from[start + row];
        transpose(square);
        for (int row = 0; row < LANES; row++) store(to + row * members + start, square[row]);
    }
}
#endif
