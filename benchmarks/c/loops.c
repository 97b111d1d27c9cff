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

/* Several initial states of the Lorenz system at a time, a few vectors of each coordinate: they stay in registers. */
enum { VECTORS = 2, TOGETHER = VECTORS * LANES };
typedef struct { lanes x[VECTORS], y[VECTORS], z[VECTORS]; } points;
#define EACH for (int k = 0; k < VECTORS; k++)
static inline points points_along(points s, double h, points d) {
    EACH s.x[k] += h * d.x[k], s.y[k] += h * d.y[k], s.z[k] += h * d.z[k];
    return s;
}
static inline points points_field(points s, const double *p) {
    points d;
    EACH d.x[k] = p[0] * (s.y[k] - s.x[k]), d.y[k] = s.x[k] * (p[1] - s.z[k]) - s.y[k];
    EACH d.z[k] = s.x[k] * s.y[k] - p[2] * s.z[k];
    return d;
}
static inline points points_back(points s, const double *p, points w) {
    points d;
    EACH d.x[k] = -p[0] * w.x[k] + (p[1] - s.z[k]) * w.y[k] + s.y[k] * w.z[k];
    EACH d.y[k] = p[0] * w.x[k] - w.y[k] + s.x[k] * w.z[k], d.z[k] = -s.x[k] * w.y[k] - p[2] * w.z[k];
    return d;
}
static inline points points_from(const double *rows) {
    points s;
    for (int i = 0; i < TOGETHER; i++)
        s.x[i / LANES][i % LANES] = rows[3 * i], s.y[i / LANES][i % LANES] = rows[3 * i + 1],
        s.z[i / LANES][i % LANES] = rows[3 * i + 2];
    return s;
}
static inline void points_to(double *rows, points s) {
    for (int i = 0; i < TOGETHER; i++)
        rows[3 * i] = s.x[i / LANES][i % LANES], rows[3 * i + 1] = s.y[i / LANES][i % LANES],
        rows[3 * i + 2] = s.z[i / LANES][i % LANES];
}
static const double LORENZ[3] = {10, 28, 8.0 / 3};

/* The states after so many RK4 steps, of at least TOGETHER initial ones; the last few are done with some before them. */
FUNCTION(states) {
    if (!are_arrays(given, count - 2, 1)) return refused();
    const double *start = data(given[0]), *p = LORENZ, h = PyFloat_AsDouble(given[2]);
    long steps = PyLong_AsLong(given[1]);
    PyObject *result = fresh_like(given[0]);
    npy_intp n = extent(given[0], 0), last = n - TOGETHER;
    for (npy_intp i = 0; i < n; i += TOGETHER) {
        npy_intp first = i < last ? i : last;
        points s = points_from(start + 3 * first);
        for (long step = 0; step < steps; step++) {
            points a = points_field(s, p), b = points_field(points_along(s, h / 2, a), p);
            points c = points_field(points_along(s, h / 2, b), p), d = points_field(points_along(s, h, c), p);
            s = points_along(points_along(points_along(points_along(s, h / 6, a), h / 3, b), h / 3, c), h / 6, d);
        }
        points_to(data(result) + 3 * first, s);
    }
    return result;
}

/* The gradients of their squared lengths to the initial states. */
FUNCTION(states_gradient) {
    if (!are_arrays(given, count - 2, 1)) return refused();
    const double *start = data(given[0]), *p = LORENZ, h = PyFloat_AsDouble(given[2]);
    long steps = PyLong_AsLong(given[1]);
    PyObject *result = fresh_like(given[0]);
    npy_intp n = extent(given[0], 0), last = n - TOGETHER;
    points *states = malloc((size_t)(steps + 1) * sizeof(points)), none = {0};
    for (npy_intp i = 0; i < n; i += TOGETHER) {
        npy_intp first = i < last ? i : last;
        points s = points_from(start + 3 * first);
        for (long step = 0; step < steps; step++) {
            states[step] = s;
            points a = points_field(s, p), b = points_field(points_along(s, h / 2, a), p);
            points c = points_field(points_along(s, h / 2, b), p), d = points_field(points_along(s, h, c), p);
            s = points_along(points_along(points_along(points_along(s, h / 6, a), h / 3, b), h / 3, c), h / 6, d);
        }
        points w = points_along(none, 2, s);
        for (long step = steps - 1; step >= 0; step--) {
            s = states[step];
            points second = points_along(s, h / 2, points_field(s, p));
            points third = points_along(s, h / 2, points_field(second, p));
            points fourth = points_along(s, h, points_field(third, p));
            points d = points_back(fourth, p, points_along(none, h / 6, w));
            points c = points_back(third, p, points_along(points_along(none, h / 3, w), h, d));
            points b = points_back(second, p, points_along(points_along(none, h / 3, w), h / 2, c));
            points a = points_back(s, p, points_along(points_along(none, h / 6, w), h / 2, b));
            w = points_along(points_along(points_along(points_along(w, 1, a), 1, b), 1, c), 1, d);
        }
        points_to(data(result) + 3 * first, w);
    }
    free(states);
    return result;
}

MODULE(loops, METHOD(regression), METHOD(fit), METHOD(network), METHOD(integration), METHOD(filter),
       METHOD(filter_gradient), METHOD(states), METHOD(states_gradient))
