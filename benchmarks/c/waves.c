/* sum(sin(x) exp(-x^2) + log1p(x^2)) and its gradient, in one pass.

   The elementary functions are polynomials in the registers: the sine and cosine share their range reduction, the
   logarithm and the gradient share 1 / (1 + x^2), and each function is specialised to the arguments that occur here. */
#include "arrays.h"
#include "mathematics.h"
#include <math.h>

typedef struct {
    lanes value, derivative;
} summand;

static inline summand wave(lanes x) {
    lanes sine, cosine, square = x * x;
    sine_cosine(x, &sine, &cosine);
    lanes bell = exp_of_negative(-square);

    /* log1p(x^2) = n log 2 + log(1 + f), 1 + f in [sqrt(1/2), sqrt(2)); lost digits of 1 + x^2 come back by 1 / (1 + x^2) */
    lanes one_more = 1 + square, inverse = 1 / one_more;
    lanes lost = choose(square < 1.0, square - (one_more - 1), 1 - (one_more - square)) * inverse;
    masks bits = (masks)one_more + (0x3ff0000000000000LL - 0x3fe6a09e667f3bcdLL);
    lanes n = (lanes)((bits >> 52) | 0x4338000000000000LL) - (ROUND + 1023);
    lanes f = (lanes)((bits & 0x000fffffffffffffLL) + 0x3fe6a09e667f3bcdLL) - 1;
    lanes q = f / (2 + f), z = q * q;
    lanes series = z * (6.666666666666735130e-01 + z * (3.999999999940941908e-01 + z * (2.857142874366239149e-01
                   + z * (2.222219843214978396e-01 + z * (1.818357216161805012e-01 + z * (1.531383769920937332e-01
                   + z * 1.479819860511658591e-01))))));
    lanes half = 0.5 * f * f;
    lanes logarithm = n * 6.93147180369123816490e-01
                      - ((half - (q * (half + series) + (n * 1.90821492927058770002e-10 + lost))) - f);

    return (summand){sine * bell + logarithm, bell * (cosine - 2 * x * sine) + 2 * x * inverse};
}

static summand wave_of_large(lanes x) {
    summand result;
    for (int k = 0; k < LANES; k++) {
        double square = x[k] * x[k], bell = exp(-square);
        result.value[k] = sin(x[k]) * bell + log1p(square);
        result.derivative[k] = bell * (cos(x[k]) - 2 * x[k] * sin(x[k])) + 2 * x[k] / (1 + square);
    }
    return result;
}

static double waves(const double *restrict x, double *restrict gradient, size_t n) {
    lanes total = {0};
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        lanes here = load(x + i);
        summand both = wave(here);
        if (__builtin_expect(any((masks)(here > LARGE) | (masks)(here < -LARGE)), 0)) both = wave_of_large(here);
        total += both.value;
        store(gradient + i, both.derivative);
    }
    if (i < n) { /* an absent element is 0, and its summand too */
        lanes here = load_first(x + i, n - i);
        summand both = any((masks)(here > LARGE) | (masks)(here < -LARGE)) ? wave_of_large(here) : wave(here);
        total += both.value;
        store_first(gradient + i, both.derivative, n - i);
    }
    return sum_of(total);
}

FUNCTION(value_and_gradient) {
    if (!are_arrays(given, count, 1)) return refused();
    PyObject *gradient = fresh_like(given[0]);
    return pair(PyFloat_FromDouble(waves(data(given[0]), data(gradient), PyArray_SIZE((PyArrayObject *)given[0]))), gradient);
}

FUNCTION(value_and_gradient_into) {
    if (!are_arrays(given, count, 2)) return refused();
    return PyFloat_FromDouble(waves(data(given[0]), data(given[1]), extent(given[0], 0)));
}

MODULE(waves, METHOD(value_and_gradient), METHOD(value_and_gradient_into))
