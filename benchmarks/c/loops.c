/* Programs whose loops run over many steps: descents, a differential equation with its adjoint, a recursive filter. */
#include "arrays.h"
#include "lanes.h"
#include <math.h>
#include <stdlib.h>

/* Sums may be taken in any order here, as a person allows who compiles with plain -ffast-math. */
#pragma GCC optimize("associative-math", "no-signed-zeros", "no-trapping-math")

static PyObject *vector(npy_intp length) { return PyArray_SimpleNew(1, &length, NPY_DOUBLE); }

/* mean((b0 + b1 x - y)^2), from 0 */
FUNCTION(regression) {
    if (!are_arrays(given, count - 2, 2)) return refused();
    const double *restrict x = data(given[0]), *restrict y = data(given[1]);
    double rate = PyFloat_AsDouble(given[3]), b0 = 0, b1 = 0;
    npy_intp n = extent(given[0], 0);
    for (long epoch = PyLong_AsLong(given[2]); epoch > 0; epoch--) {
        double first = 0, second = 0;
        for (npy_intp i = 0; i < n; i++) {
            double residual = b0 + b1 * x[i] - y[i];
            first += residual;
            second += residual * x[i];
        }
        b0 -= rate * 2 / (double)n * first;
        b1 -= rate * 2 / (double)n * second;
    }
    PyObject *result = vector(2);
    data(result)[0] = b0, data(result)[1] = b1;
    return result;
}

/* sum((a + b x + c x^2 + d x^3 - y)^2), from the given start */
FUNCTION(fit) {
    if (!are_arrays(given, count - 2, 3)) return refused();
    const double *restrict x = data(given[0]), *restrict y = data(given[1]), *start = data(given[2]);
    double rate = PyFloat_AsDouble(given[4]), a = start[0], b = start[1], c = start[2], d = start[3];
    npy_intp n = extent(given[0], 0);
    for (long step = PyLong_AsLong(given[3]); step > 0; step--) {
        double first = 0, second = 0, third = 0, fourth = 0;
        for (npy_intp i = 0; i < n; i++) {
            double power = x[i], residual = a + power * (b + power * (c + power * d)) - y[i];
            first += residual;
            second += residual *= power;
            third += residual *= power;
            fourth += residual *= power;
        }
        a -= rate * 2 * first, b -= rate * 2 * second, c -= rate * 2 * third, d -= rate * 2 * fourth;
    }
    PyObject *result = vector(4);
    data(result)[0] = a, data(result)[1] = b, data(result)[2] = c, data(result)[3] = d;
    return result;
}

/* A network 3-4-1 on four rows: the weights after so many steps of descent. */
FUNCTION(network) {
    if (!are_arrays(given, count - 1, 4)) return refused();
    const double *restrict x = data(given[0]), *restrict y = data(given[1]);
    double first[3][4], second[4], inner[4][4], outer[4], slope[4], sums[4][4];
    double *flat = *inner, *flat_sums = *sums;
    memcpy(first, data(given[2]), sizeof first);
    memcpy(second, data(given[3]), sizeof second);
    for (long step = PyLong_AsLong(given[4]); step > 0; step--) {
        for (int r = 0; r < 4; r++)
            for (int k = 0; k < 4; k++)
                sums[r][k] = x[3 * r] * first[0][k] + x[3 * r + 1] * first[1][k] + x[3 * r + 2] * first[2][k];
        for (int k = 0; k < 16; k++) flat[k] = 1 / (1 + exp(-flat_sums[k]));
        for (int r = 0; r < 4; r++) {
            outer[r] = 0;
            for (int k = 0; k < 4; k++) outer[r] += inner[r][k] * second[k];
        }
        for (int r = 0; r < 4; r++) outer[r] = 1 / (1 + exp(-outer[r]));
        for (int r = 0; r < 4; r++) slope[r] = (y[r] - outer[r]) * outer[r] * (1 - outer[r]);
        for (int r = 0; r < 4; r++)
            for (int k = 0; k < 4; k++) sums[r][k] = slope[r] * second[k] * inner[r][k] * (1 - inner[r][k]);
        for (int r = 0; r < 4; r++)
            for (int j = 0; j < 3; j++)
                for (int k = 0; k < 4; k++) first[j][k] += x[3 * r + j] * sums[r][k];
        for (int r = 0; r < 4; r++)
            for (int k = 0; k < 4; k++) second[k] += inner[r][k] * slope[r];
    }
    PyObject *result = fresh_like(given[2]), *other = fresh_like(given[3]);
    memcpy(data(result), first, sizeof first);
    memcpy(data(other), second, sizeof second);
    return pair(result, other);
}

typedef struct { double x, y, z; } point;
static inline point along(point s, double h, point d) { return (point){s.x + h * d.x, s.y + h * d.y, s.z + h * d.z}; }
static inline point field(point s, const double *p) {
    return (point){p[0] * (s.y - s.x), s.x * (p[1] - s.z) - s.y, s.x * s.y - p[2] * s.z};
}
/* The transposed derivative of the field at s times w; that in the parameters is added to g. */
static inline point back(point s, const double *p, point w, double *g) {
    g[0] += (s.y - s.x) * w.x, g[1] += s.x * w.y, g[2] -= s.z * w.z;
    return (point){-p[0] * w.x + (p[1] - s.z) * w.y + s.y * w.z, p[0] * w.x - w.y + s.x * w.z, -s.x * w.y - p[2] * w.z};
}

/* The squared length of the Lorenz system's state after so many RK4 steps: gradients to the state and the parameters. */
FUNCTION(integration) {
    if (!are_arrays(given, count - 2, 2)) return refused();
    const double *start = data(given[0]), p[3] = {data(given[1])[0], data(given[1])[1], data(given[1])[2]};
    long steps = PyLong_AsLong(given[2]);
    double h = PyFloat_AsDouble(given[3]), g[3] = {0, 0, 0};
    point *states = malloc((size_t)(steps + 1) * sizeof(point)), s = {start[0], start[1], start[2]};
    for (long step = 0; step < steps; step++) {
        states[step] = s;
        point a = field(s, p), b = field(along(s, h / 2, a), p), c = field(along(s, h / 2, b), p);
        point d = field(along(s, h, c), p);
        s = along(along(along(along(s, h / 6, a), h / 3, b), h / 3, c), h / 6, d);
    }
    point w = {2 * s.x, 2 * s.y, 2 * s.z}, none = {0, 0, 0};
    for (long step = steps - 1; step >= 0; step--) {
        s = states[step];
        point second = along(s, h / 2, field(s, p)), third = along(s, h / 2, field(second, p));
        point fourth = along(s, h, field(third, p));
        point d = back(fourth, p, along(none, h / 6, w), g);
        point c = back(third, p, along(along(none, h / 3, w), h, d), g);
        point b = back(second, p, along(along(none, h / 3, w), h / 2, c), g);
        point a = back(s, p, along(along(none, h / 6, w), h / 2, b), g);
        w = along(along(along(along(w, 1, a), 1, b), 1, c), 1, d);
    }
    free(states);
    PyObject *result = vector(3), *other = vector(3);
    data(result)[0] = w.x, data(result)[1] = w.y, data(result)[2] = w.z;
    memcpy(data(other), g, sizeof g);
    return pair(result, other);
}

/* y[t] = a y[t-1] + x[t] */
FUNCTION(filter) {
    if (!are_arrays(given + 1, count - 1, 1)) return refused();
    double a = PyFloat_AsDouble(given[0]), before = 0;
    PyObject *result = fresh_like(given[1]);
    const double *restrict x = data(given[1]);
    double *restrict y = data(result);
    for (npy_intp i = 0, n = extent(given[1], 0); i < n; i++) y[i] = before = a * before + x[i];
    return result;
}

/* The gradients of sum(y^2) to a and x. */
FUNCTION(filter_gradient) {
    if (!are_arrays(given + 1, count - 1, 1)) return refused();
    double a = PyFloat_AsDouble(given[0]), before = 0, slope = 0, after = 0;
    PyObject *result = fresh_like(given[1]);
    const double *restrict x = data(given[1]);
    double *restrict y = data(result);
    npy_intp n = extent(given[1], 0);
    for (npy_intp i = 0; i < n; i++) y[i] = before = a * before + x[i];
    for (npy_intp i = n - 1; i > 0; i--) {
        y[i] = after = 2 * y[i] + a * after;
        slope += after * y[i - 1];
    }
    if (n > 0) y[0] = 2 * y[0] + a * after;
    return pair(PyFloat_FromDouble(slope), result);
}

MODULE(loops, METHOD(regression), METHOD(fit), METHOD(network), METHOD(integration), METHOD(filter),
       METHOD(filter_gradient))
