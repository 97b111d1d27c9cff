/* The gradient of a Gaussian mixture's log-likelihood with Wishart prior, in blocks of points that stay in the cache.

   With A = diag(exp(q)) + strictly lower L, y = A (x - mu): the responsibilities w weigh the outer products y (x - mu)^T.
   Products of the lower triangle are taken by panels of columns, so that most of the zeros are never multiplied. */
#include "arrays.h"
#include "blas.h"
#include "mathematics.h"
#include <math.h>
#include <stdlib.h>

enum { BLOCK = 64, PANEL = 16 };

static inline double *zeroed(size_t count) { return calloc(count, sizeof(double)); }
static inline size_t least(size_t a, size_t b) { return a < b ? a : b; }

/* main[i, k] becomes the responsibility of component k for point i; gives the sum of the logarithms. */
static double normalise(double *main, size_t points, size_t components) {
    double total = 0;
    for (size_t i = 0; i < points; i++) {
        double *row = main + i * components, largest = row[0];
        for (size_t k = 1; k < components; k++) largest = row[k] > largest ? row[k] : largest;
        lanes sum = {0};
        size_t k = 0;
        for (; k + LANES <= components; k += LANES) {
            lanes e = exp_of_negative(load(row + k) - largest);
            store(row + k, e);
            sum += e;
        }
        double rest = sum_of(sum);
        for (; k < components; k++) rest += row[k] = exp(row[k] - largest);
        for (k = 0; k < components; k++) row[k] /= rest;
        total += log(rest) + largest;
    }
    return total;
}

typedef struct {
    size_t n, d, components;
    const double *alphas, *means, *q, *lower, *x;
    double gamma, m;
    double *d_alphas, *d_means, *d_q, *d_lower;
    dgemm_pointer dgemm;
} problem;

/* A and the constant of each component. */
static void factors(const problem *p, double *a, double *constant) {
    for (size_t k = 0; k < p->components; k++) {
        constant[k] = p->alphas[k];
        for (size_t i = 0; i < p->d; i++) {
            double *row = a + (k * p->d + i) * p->d;
            memcpy(row, p->lower + (k * p->d + i) * p->d, i * sizeof(double));
            row[i] = exp(p->q[k * p->d + i]);
            constant[k] += p->q[k * p->d + i];
        }
    }
}

static void centre(const problem *p, size_t start, size_t points, size_t k, double *centred) {
    for (size_t i = 0; i < points; i++)
        for (size_t j = 0; j < p->d; j++) centred[i * p->d + j] = p->x[(start + i) * p->d + j] - p->means[k * p->d + j];
}

static double block(const problem *p, size_t start, size_t points, const double *a, const double *constant, double *y,
                    double *centred, double *main, double *weighted, double *moment) {
    size_t d = p->d, components = p->components;
    for (size_t k = 0; k < components; k++) {
        double *here = y + k * BLOCK * d;
        centre(p, start, points, k, centred);
        for (size_t j = 0; j < d; j += PANEL) {
            size_t width = least(PANEL, d - j);
            multiply(p->dgemm, 'N', 'T', points, width, j + width, 1, centred, d, a + (k * d + j) * d, d, 0, here + j, d);
        }
        for (size_t i = 0; i < points; i++) {
            lanes squares = {0};
            size_t j = 0;
            for (; j + LANES <= d; j += LANES) squares += load(here + i * d + j) * load(here + i * d + j);
            double rest = sum_of(squares);
            for (; j < d; j++) rest += here[i * d + j] * here[i * d + j];
            main[i * components + k] = constant[k] - 0.5 * rest;
        }
    }
    double total = normalise(main, points, components);
    for (size_t k = 0; k < components; k++) {
        double *here = y + k * BLOCK * d, *sums = weighted + k * d;
        for (size_t i = 0; i < points; i++) {
            double w = main[i * components + k];
            p->d_alphas[k] += w;
            for (size_t j = 0; j < d; j++) sums[j] += here[i * d + j] *= w;
        }
        centre(p, start, points, k, centred);
        for (size_t j = 0; j < d; j += PANEL) {
            size_t width = least(PANEL, d - j);
            multiply(p->dgemm, 'T', 'N', width, j + width, points, -1, here + j, d, centred, d, 1,
                     moment + (k * d + j) * d, d);
        }
    }
    return total;
}

/* From the sums over the points to the gradient; gives the prior. */
static double finish(const problem *p, const double *a, const double *weighted, const double *moment) {
    size_t d = p->d;
    double prior = 0, square = p->gamma * p->gamma;
    for (size_t k = 0; k < p->components; k++) {
        double share = p->d_alphas[k];
        for (size_t i = 0; i < d; i++) {
            const double *row = a + (k * d + i) * d;
            double *d_row = p->d_lower + (k * d + i) * d;
            for (size_t j = 0; j < i; j++) {
                d_row[j] = moment[(k * d + i) * d + j] + square * row[j];
                prior += 0.5 * square * row[j] * row[j];
            }
            memset(d_row + i, 0, (d - i) * sizeof(double));
            p->d_q[k * d + i] = row[i] * (moment[(k * d + i) * d + i] + square * row[i]) + share - p->m;
            prior += 0.5 * square * row[i] * row[i] - p->m * p->q[k * d + i];
            for (size_t j = 0; j <= i; j++) p->d_means[k * d + j] += row[j] * weighted[k * d + i];
        }
    }
    return prior;
}

static double mixture(const problem *p) {
    size_t d = p->d, components = p->components, square = components * d * d;
    double *a = zeroed(square), *moment = zeroed(square), *constant = zeroed(components), *weighted = zeroed(components * d);
    double *y = zeroed(components * BLOCK * d), *centred = zeroed(BLOCK * d), *main = zeroed(BLOCK * components);
    memset(p->d_alphas, 0, components * sizeof(double));
    memset(p->d_means, 0, components * d * sizeof(double));
    factors(p, a, constant);
    double total = 0;
    for (size_t start = 0; start < p->n; start += BLOCK)
        total += block(p, start, least(BLOCK, p->n - start), a, constant, y, centred, main, weighted, moment);
    total += finish(p, a, weighted, moment);
    double largest = p->alphas[0], sum = 0;
    for (size_t k = 1; k < components; k++) largest = p->alphas[k] > largest ? p->alphas[k] : largest;
    for (size_t k = 0; k < components; k++) sum += exp(p->alphas[k] - largest);
    for (size_t k = 0; k < components; k++) p->d_alphas[k] -= (double)p->n * exp(p->alphas[k] - largest) / sum;
    free(a), free(moment), free(constant), free(weighted), free(y), free(centred), free(main);
    return total - (double)p->n * (log(sum) + largest);
}

/* dgemm's address, gamma, m, alphas, means, q, lower, x */
FUNCTION(value_and_gradient) {
    if (count != 8 || !are_arrays(given + 3, 5, 5)) return refused();
    PyObject *gradient = PyTuple_New(4);
    for (int k = 0; k < 4; k++) PyTuple_SET_ITEM(gradient, k, fresh_like(given[3 + k]));
    problem p = {
        .n = extent(given[7], 0), .d = extent(given[7], 1), .components = extent(given[3], 0),
        .alphas = data(given[3]), .means = data(given[4]), .q = data(given[5]), .lower = data(given[6]), .x = data(given[7]),
        .gamma = PyFloat_AsDouble(given[1]), .m = PyFloat_AsDouble(given[2]),
        .d_alphas = data(PyTuple_GET_ITEM(gradient, 0)), .d_means = data(PyTuple_GET_ITEM(gradient, 1)),
        .d_q = data(PyTuple_GET_ITEM(gradient, 2)), .d_lower = data(PyTuple_GET_ITEM(gradient, 3)),
        .dgemm = dgemm_of(given[0]),
    };
    double value = mixture(&p);
    return pair(PyFloat_FromDouble(value), gradient);
}

MODULE(mixture, METHOD(value_and_gradient))
