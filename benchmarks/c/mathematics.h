/* Elementary functions over lanes, each within 2 ULP. */
#ifndef MATHEMATICS_H
#define MATHEMATICS_H
#include "lanes.h"

/* Beyond this the three-part reduction by pi / 2 loses digits. */
#define LARGE 1e5

/* Adding and subtracting this rounds to an integer, which is then found in the low bits. */
#define ROUND 6755399441055744.0

/* Sine and cosine of |x| <= LARGE: x = k pi/2 + r. */
static inline void sine_cosine(lanes x, lanes *sine, lanes *cosine) {
    lanes shifted = x * 0x1.45f306dc9c883p-1 + ROUND, k = shifted - ROUND;
    masks quadrant = (masks)shifted;
    lanes r = x - k * 0x1.921fb54400000p+0 - k * 0x1.0b4611a600000p-34 - k * 0x1.3198a2e037073p-69;
    lanes r2 = r * r;
    lanes s = r + r * r2 * (-1.66666666666666307295e-1 + r2 * (8.33333333332211858878e-3 + r2 * (-1.98412698295895385996e-4
              + r2 * (2.75573136213857245213e-6 + r2 * (-2.50507477628578072866e-8 + r2 * 1.58962301576546568060e-10)))));
    lanes c = 1 - 0.5 * r2 + r2 * r2 * (4.16666666666665929218e-2 + r2 * (-1.38888888888730564116e-3
              + r2 * (2.48015872888517045348e-5 + r2 * (-2.75573141792967388112e-7 + r2 * (2.08757008419747316778e-9
              - r2 * 1.13585365213876817300e-11)))));
    masks odd = -(quadrant & 1);
    masks sine_sign = quadrant << 62 & 1LL << 63, cosine_sign = (quadrant + 1) << 62 & 1LL << 63;
    *sine = (lanes)((masks)choose(odd, c, s) ^ sine_sign);
    *cosine = (lanes)((masks)choose(odd, s, c) ^ cosine_sign);
}

/* exp(x) for x <= 0: 2^m e^t; 0 below -708. */
static inline lanes exp_of_negative(lanes x) {
    lanes limited = choose(x > -708.0, x, spread(-708.0));
    lanes scaled = limited * 0x1.71547652b82fep+0 + ROUND, m = scaled - ROUND;
    lanes t = limited - m * 0x1.62e42fefa0000p-1 - m * 0x1.cf79abc9e3b3ap-40;
    lanes e = 1 + t * (1 + t * (0.5 + t * (1.0 / 6 + t * (1.0 / 24 + t * (1.0 / 120 + t * (1.0 / 720 + t * (1.0 / 5040
              + t * (1.0 / 40320 + t * (1.0 / 362880 + t * (1.0 / 3628800 + t * (1.0 / 39916800 + t * (1.0 / 479001600
              + t * (1.0 / 6227020800)))))))))))));
    return choose(x > -708.0, (lanes)((masks)e + ((masks)scaled << 52)), spread(0));
}

#endif
