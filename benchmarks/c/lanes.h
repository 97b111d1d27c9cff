/* Vectors of doubles as wide as the machine's registers, by the GCC and Clang vector extension. */
#ifndef LANES_H
#define LANES_H
#include <stddef.h>
#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#if defined(__AVX512F__)
enum { LANES = 8 };
#elif defined(__AVX2__)
enum { LANES = 4 };
#else
enum { LANES = 2 };
#endif

typedef double lanes __attribute__((vector_size(8 * LANES), aligned(8)));
typedef long long masks __attribute__((vector_size(8 * LANES), aligned(8)));

static inline lanes spread(double value) { return value - (lanes){0}; }
static inline lanes load(const double *from) { return *(const lanes *)from; }
static inline void store(double *to, lanes value) { *(lanes *)to = value; }
static inline lanes load_first(const double *from, size_t count) {
    lanes value = {0};
    memcpy(&value, from, count * sizeof(double));
    return value;
}
static inline void store_first(double *to, lanes value, size_t count) { memcpy(to, &value, count * sizeof(double)); }
static inline lanes choose(masks condition, lanes yes, lanes no) {
    return (lanes)(((masks)yes & condition) | ((masks)no & ~condition));
}
static inline int any(masks condition) {
#if defined(__AVX512DQ__)
    return _mm512_movepi64_mask((__m512i)condition) != 0;
#elif defined(__AVX2__)
    return _mm256_movemask_pd((__m256d)condition) != 0;
#else
    long long found = 0;
    for (int k = 0; k < LANES; k++) found |= condition[k];
    return found != 0;
#endif
}
static inline double sum_of(lanes value) {
    double total = 0;
    for (int k = 0; k < LANES; k++) total += value[k];
    return total;
}
#endif
