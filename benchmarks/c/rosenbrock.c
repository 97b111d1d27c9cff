/* sum(100 (x[i+1] - x[i]^2)^2 + (1 - x[i])^2): the gradient, and the Hessian times a vector, each entry in one go. */
#include "arrays.h"
#include "lanes.h"

#define ENTRY_LOOP(LANE_VALUE)                                                    \
    size_t i = 1;                                                                 \
    for (; i + LANES < n; i += LANES) store(out + i, LANE_VALUE(load, i));        \
    for (; i + 1 < n; i++) out[i] = LANE_VALUE(*, i);

#define GRADIENT(at, i)                                                           \
    (at(x + i) * (400 * (at(x + i) * at(x + i) - at(x + i + 1)) + 202) - 2 - 200 * at(x + i - 1) * at(x + i - 1))

static void gradient_of(const double *restrict x, double *restrict out, size_t n) {
    out[0] = 400 * x[0] * (x[0] * x[0] - x[1]) + 2 * x[0] - 2;
    ENTRY_LOOP(GRADIENT)
    out[n - 1] = 200 * (x[n - 1] - x[n - 2] * x[n - 2]);
}

#define PRODUCT(at, i)                                                                                     \
    ((1200 * at(x + i) * at(x + i) - 400 * at(x + i + 1) + 202) * at(v + i) - 400 * (at(x + i) * at(v + i + 1) \
     + at(x + i - 1) * at(v + i - 1)))

static void product_of(const double *restrict x, const double *restrict v, double *restrict out, size_t n) {
    out[0] = (1200 * x[0] * x[0] - 400 * x[1] + 2) * v[0] - 400 * x[0] * v[1];
    ENTRY_LOOP(PRODUCT)
    out[n - 1] = 200 * v[n - 1] - 400 * x[n - 2] * v[n - 2];
}

FUNCTION(gradient) {
    if (!are_arrays(given, count, 1)) return refused();
    PyObject *out = fresh_like(given[0]);
    gradient_of(data(given[0]), data(out), extent(given[0], 0));
    return out;
}

FUNCTION(gradient_into) {
    if (!are_arrays(given, count, 2)) return refused();
    gradient_of(data(given[0]), data(given[1]), extent(given[0], 0));
    Py_INCREF(given[1]);
    return given[1];
}

FUNCTION(hessian_product) {
    if (!are_arrays(given, count, 2)) return refused();
    PyObject *out = fresh_like(given[0]);
    product_of(data(given[0]), data(given[1]), data(out), extent(given[0], 0));
    return out;
}

FUNCTION(hessian_product_into) {
    if (!are_arrays(given, count, 3)) return refused();
    product_of(data(given[0]), data(given[1]), data(given[2]), extent(given[0], 0));
    Py_INCREF(given[2]);
    return given[2];
}

MODULE(rosenbrock, METHOD(gradient), METHOD(gradient_into), METHOD(hessian_product), METHOD(hessian_product_into))
