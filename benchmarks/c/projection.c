/* The 2x15 Jacobian of a weighted reprojection residual at many points, a lane to a point.

   Parameters: rotation vector r (3), centre (3), focal length, principal point (2), radial distortion (2), point (3),
   weight. With d = point - centre: y = cos d + A (r x d) + B (r.d) r, where A = sin/|r|, B = (1 - cos)/|r|^2. */
#include "arrays.h"
#include "mathematics.h"
#include "transpose.h"

enum { PARAMETERS = 15, ENTRIES = 2 * PARAMETERS };
#define PAST_THE_CACHE (8 << 20)

/* p^T dy/dr and p^T dy/dd for one row p of the derivative of the residual in y. */
static inline void pull_back(const lanes p[3], const lanes r[3], const lanes d[3], const lanes v[3], lanes along, lanes c,
                             lanes A, lanes B, lanes row[PARAMETERS]) {
    lanes pv = p[0] * v[0] + p[1] * v[1] + p[2] * v[2], pr = p[0] * r[0] + p[1] * r[1] + p[2] * r[2];
    for (int j = 0; j < 3; j++) {
        int k = (j + 1) % 3, l = (j + 2) % 3;
        row[j] = pv * r[j] + A * (d[k] * p[l] - d[l] * p[k]) + B * (pr * d[j] + along * p[j]);
        row[11 + j] = c * p[j] + A * (p[k] * r[l] - p[l] * r[k]) + B * pr * r[j];
        row[3 + j] = -row[11 + j];
    }
}

static inline void jacobian_of(const lanes z[PARAMETERS], lanes feature_x, lanes feature_y, lanes out[ENTRIES]) {
    const lanes *r = z, f = z[6], k1 = z[9], k2 = z[10], w = z[14];
    lanes d[3] = {z[11] - z[3], z[12] - z[4], z[13] - z[5]};
    lanes square = r[0] * r[0] + r[1] * r[1] + r[2] * r[2], inverse = 1 / square, angle, s, c;
    angle = root(square);
    sine_cosine(angle, &s, &c);
    lanes A = s * angle * inverse, B = (1 - c) * inverse;
    lanes slope_A = (c - A) * inverse, slope_B = (A - 2 * B) * inverse;
    lanes along = r[0] * d[0] + r[1] * d[1] + r[2] * d[2], y[3], v[3];
    for (int j = 0; j < 3; j++) {
        int k = (j + 1) % 3, l = (j + 2) % 3;
        lanes cross = r[k] * d[l] - r[l] * d[k];
        y[j] = c * d[j] + A * cross + B * along * r[j];
        v[j] = slope_A * cross - A * d[j] + slope_B * along * r[j];
    }
    lanes depth = 1 / y[2], u[2] = {y[0] * depth, y[1] * depth};
    lanes radius = u[0] * u[0] + u[1] * u[1], stretch = 1 + radius * (k1 + radius * k2), slope = 2 * (k1 + 2 * k2 * radius);
    lanes wf = w * f, scale = wf * depth, feature[2] = {feature_x, feature_y}, zero = spread(0);
    for (int i = 0; i < 2; i++) {
        lanes *row = out + i * PARAMETERS;
        lanes by_u[2] = {slope * u[i] * u[0], slope * u[i] * u[1]};
        by_u[i] += stretch;
        lanes p[3] = {scale * by_u[0], scale * by_u[1], -scale * (by_u[0] * u[0] + by_u[1] * u[1])};
        pull_back(p, r, d, v, along, c, A, B, row);
        row[6] = w * stretch * u[i];
        row[7] = i == 0 ? w : zero;
        row[8] = i == 1 ? w : zero;
        row[9] = wf * radius * u[i];
        row[10] = radius * row[9];
        row[14] = f * stretch * u[i] + z[7 + i] - feature[i];
    }
}

static inline __attribute__((always_inline)) void group(const double *z, const double *feature, double *out) {
    lanes inputs[PARAMETERS], features[2] = {spread(0), spread(0)}, outputs[ENTRIES];
    load_columns(z, PARAMETERS, inputs);
    for (int k = 0; k < LANES; k++) {
        features[0][k] = feature[2 * k];
        features[1][k] = feature[2 * k + 1];
    }
    jacobian_of(inputs, features[0], features[1], outputs);
    store_columns(out, ENTRIES, outputs);
}

/* Past the cache: whole lines are streamed to memory, which need not be read first. The lines and the groups of points
   don't begin together, so a part of a line is carried from group to group. Gives the points done. */
static size_t streamed(const double *z, const double *feature, double *out, size_t n) {
    size_t i = 0;
#if defined(__AVX512F__)
    double scratch[LANES * (ENTRIES + 2)];
    size_t carried = 0, lead = -((size_t)out / sizeof(double)) % LANES;
    if (n * ENTRIES * sizeof(double) < PAST_THE_CACHE || n < 2 * LANES) return 0;
    for (; i + LANES <= n; i += LANES) {
        group(z + i * PARAMETERS, feature + 2 * i, scratch + carried);
        double *from = scratch, *end = scratch + carried + LANES * ENTRIES;
        if (i == 0) {
            memcpy(out, from, lead * sizeof(double));
            from += lead;
            out += lead;
        }
        for (; from + LANES <= end; from += LANES, out += LANES) _mm512_stream_pd(out, (__m512d)load(from));
        carried = (size_t)(end - from);
        store(scratch, load(from));
    }
    memcpy(out, scratch, carried * sizeof(double));
    _mm_sfence();
#endif
    return i;
}

static void jacobians(const double *z, const double *feature, double *out, size_t n) {
    size_t i = streamed(z, feature, out, n);
    for (; i + LANES <= n; i += LANES) group(z + i * PARAMETERS, feature + 2 * i, out + i * ENTRIES);
    if (i < n) {
        double some[LANES * PARAMETERS] = {0}, some_features[LANES * 2] = {0}, results[LANES * ENTRIES];
        memcpy(some, z + i * PARAMETERS, (n - i) * PARAMETERS * sizeof(double));
        memcpy(some_features, feature + 2 * i, (n - i) * 2 * sizeof(double));
        group(some, some_features, results);
        memcpy(out + i * ENTRIES, results, (n - i) * ENTRIES * sizeof(double));
    }
}

/* The same from a structure of arrays: parameters[15][n], features[2][n]. */
static void jacobians_of_columns(const double *z, const double *feature, double *out, size_t n) {
    lanes inputs[PARAMETERS], features[2], outputs[ENTRIES];
    for (size_t i = 0; i < n; i += LANES) {
        size_t width = n - i < LANES ? n - i : LANES;
        double some[LANES * ENTRIES];
        for (int k = 0; k < PARAMETERS; k++)
            inputs[k] = width == LANES ? load(z + k * n + i) : load_first(z + k * n + i, width);
        for (int k = 0; k < 2; k++)
            features[k] = width == LANES ? load(feature + k * n + i) : load_first(feature + k * n + i, width);
        jacobian_of(inputs, features[0], features[1], outputs);
        store_columns(width == LANES ? out + i * ENTRIES : some, ENTRIES, outputs);
        if (width < LANES) memcpy(out + i * ENTRIES, some, width * ENTRIES * sizeof(double));
    }
}

FUNCTION(jacobian_of_columns_into) {
    if (!are_arrays(given, count, 3)) return refused();
    jacobians_of_columns(data(given[0]), data(given[1]), data(given[2]), extent(given[0], 1));
    Py_INCREF(given[2]);
    return given[2];
}

FUNCTION(jacobian) {
    if (!are_arrays(given, count, 2)) return refused();
    npy_intp shape[3] = {extent(given[0], 0), 2, PARAMETERS};
    PyObject *out = PyArray_SimpleNew(3, shape, NPY_DOUBLE);
    jacobians(data(given[0]), data(given[1]), data(out), shape[0]);
    return out;
}

FUNCTION(jacobian_into) {
    if (!are_arrays(given, count, 3)) return refused();
    jacobians(data(given[0]), data(given[1]), data(given[2]), extent(given[0], 0));
    Py_INCREF(given[2]);
    return given[2];
}

/* Cameras (11 numbers) and points (3) of observation after observation, gathered into groups of lanes. */
static void gathered(const double *cameras, const double *points, const double *weights, const npy_int64 *camera_of,
                     const npy_int64 *point_of, const double *feature, double *out, size_t n) {
    double z[LANES * PARAMETERS], some[LANES * 2], results[LANES * ENTRIES];
    for (size_t start = 0; start < n; start += LANES) {
        size_t width = n - start < LANES ? n - start : LANES;
        for (size_t k = 0; k < width; k++) {
            memcpy(z + k * PARAMETERS, cameras + 11 * camera_of[start + k], 11 * sizeof(double));
            memcpy(z + k * PARAMETERS + 11, points + 3 * point_of[start + k], 3 * sizeof(double));
            z[k * PARAMETERS + 14] = weights[start + k];
        }
        if (width == LANES) {
            group(z, feature + 2 * start, out + start * ENTRIES);
            continue;
        }
        for (size_t k = width; k < LANES; k++) memcpy(z + k * PARAMETERS, z, PARAMETERS * sizeof(double));
        memset(some, 0, sizeof(some));
        memcpy(some, feature + 2 * start, 2 * width * sizeof(double));
        group(z, some, results);
        memcpy(out + start * ENTRIES, results, width * ENTRIES * sizeof(double));
    }
}

static int are_places(PyObject *indices, npy_intp count, npy_intp below) {
    if (!PyArray_CheckExact(indices) || PyArray_TYPE((PyArrayObject *)indices) != NPY_INT64) return 0;
    const npy_int64 *places = PyArray_DATA((PyArrayObject *)indices);
    for (npy_intp k = 0; k < count; k++)
        if (places[k] < 0 || places[k] >= below) return 0;
    return 1;
}

/* cameras, points, weights, camera and point of each observation, features */
FUNCTION(bundle) {
    npy_intp n = extent(given[2], 0);
    if (count != 6 || !are_arrays(given, 3, 3) || !are_arrays(given + 5, 1, 1) ||
        !are_places(given[3], n, extent(given[0], 0)) || !are_places(given[4], n, extent(given[1], 0)))
        return refused();
    npy_intp shape[3] = {n, 2, PARAMETERS};
    PyObject *out = PyArray_SimpleNew(3, shape, NPY_DOUBLE);
    gathered(data(given[0]), data(given[1]), data(given[2]), PyArray_DATA((PyArrayObject *)given[3]),
             PyArray_DATA((PyArrayObject *)given[4]), data(given[5]), data(out), n);
    return out;
}

MODULE(projection, METHOD(jacobian), METHOD(jacobian_into), METHOD(jacobian_of_columns_into), METHOD(bundle))
