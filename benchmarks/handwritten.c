/* The derivatives a person would write, for the compiler to do its best with. */
#include <math.h>
#include <stddef.h>

double polynomial_gradient(double x) { return ((8 * x + 3) * x + 6) * x + 5; }

/* sum(sin(x) exp(-x^2) + log1p(x^2)) and its gradient, in blocks that stay in the cache: gcc turns a sine and a cosine
   in one loop into sincos, which it can't vectorise. */
enum { BLOCK = 512 };

double waves(const double *restrict x, double *restrict gradient, size_t n) {
    double total = 0, sine[BLOCK], cosine[BLOCK];
    for (size_t start = 0; start < n; start += BLOCK) {
        size_t length = n - start < BLOCK ? n - start : BLOCK;
        const double *block = x + start;
        double *out = gradient + start;
        for (size_t i = 0; i < length; i++) sine[i] = sin(block[i]);
        for (size_t i = 0; i < length; i++) cosine[i] = cos(block[i]);
        for (size_t i = 0; i < length; i++) {
            double square = block[i] * block[i], bell = exp(-square);
            total += sine[i] * bell + log1p(square);
            out[i] = bell * (cosine[i] - 2 * block[i] * sine[i]) + 2 * block[i] / (1 + square);
        }
    }
    return total;
}

/* gradient of mean((b0 + b1 x - y)^2) */
static void line_gradient(const double *restrict b, const double *restrict x, const double *restrict y, size_t n,
                          double *restrict gradient) {
    double first = 0, second = 0;
    for (size_t i = 0; i < n; i++) {
        double residual = b[0] + b[1] * x[i] - y[i];
        first += residual;
        second += residual * x[i];
    }
    gradient[0] = 2 * first / (double)n;
    gradient[1] = 2 * second / (double)n;
}

void regression(double *b, const double *x, const double *y, size_t n, int epochs, double rate) {
    for (int epoch = 0; epoch < epochs; epoch++) {
        double gradient[2];
        line_gradient(b, x, y, n, gradient);
        b[0] -= rate * gradient[0];
        b[1] -= rate * gradient[1];
    }
}
