"""The reduction of huge angles, by Payne and Hanek: only those digits of 2 / pi count that don't give whole turns."""

from __future__ import annotations

from gradc.lower.mathematics.coefficients import TWO_OVER_PI
from gradc.lower.mathematics.formula import Formula, Real, Whole


def far_angle(f: Formula, x: Real) -> tuple[Whole, Real, Real]:
    """``|x|``, at least 1, as a number of right angles, and a rest in two parts; of one lane of float64.

    ``|x| = m 2^e`` with a whole m of 53 bits. Of ``2^e 2 / pi`` the bits from the second before the point count: 192 of
    them, times m, give two bits of turns and a fraction whose error of 2^-137 is far less than the least that it can be.
    """
    magnitude = abs(x).bits()
    exponent = magnitude >> 52
    mantissa = (magnitude & ((1 << 52) - 1)) | (1 << 52)
    # the first bit wanted: the weight 2 after a shift by e = exponent - 1075; the words begin 64 bits before the point
    first = exponent - (1075 - 62)
    digits = [_digits(f, first, word) for word in range(3)]
    low = _wide(f, "mul", digits[2], mantissa)
    middle = f.emit(f"add i128 {_wide(f, 'mul', digits[1], mantissa)}, {_half(f, low, 64, 'i128')}")
    top = Whole(f, _half(f, middle, 64)) + Whole(f, f.emit(f"mul i64 {digits[0].text}, {mantissa.text}"))
    words = [top, Whole(f, _half(f, middle, 0)), Whole(f, _half(f, low, 0))]
    # the fraction, from -1/2 to 1/2, as a sign and a magnitude
    fraction = [_funnel(f, words[0], words[1], 2), _funnel(f, words[1], words[2], 2), words[2] << 2]
    turns = (words[0] >> 62) + (fraction[0] >> 63)
    sign = Whole(f, f.emit(f"ashr i64 {fraction[0].text}, 63"))
    a, b, c = (word ^ sign for word in fraction)
    empty = f.emit(f"icmp eq i64 {a.text}, 0")
    a, b, c = _chosen(f, empty, b, a), _chosen(f, empty, c, b), _chosen(f, empty, f.integer(0), c)
    f.declare("llvm.ctlz.i64", "i64", ["i64", "i1 immarg"])
    zeros = Whole(f, f.emit(f"call i64 @llvm.ctlz.i64(i64 {a.text}, i1 false)"))
    a, b = _funnel(f, a, b, zeros), _funnel(f, b, c, zeros)
    shift = zeros + _chosen(f, empty, f.integer(64), f.integer(0))
    high = _small(f, a >> 11) * _two_to_minus(f, shift, 53)
    low_part = _small(f, ((a << 53) | (b >> 11)) >> 11) * _two_to_minus(f, shift, 106)
    # times pi / 2
    quarter, quarter_low = f.coefficients("quarter_pi")
    product = high * (2.0 * quarter)
    lost = high.times_plus(2.0 * quarter, -product) + high.times_plus(2.0 * quarter_low, low_part * (2.0 * quarter))
    rest = product + lost
    lost = (product - rest) + lost
    minus = sign << 63
    return turns, (rest.bits() ^ minus).as_real(), (lost.bits() ^ minus).as_real()


def _digits(f: Formula, first: Whole, word: int) -> Whole:
    """64 bits of 2 / pi, from the bit ``first + 64 word`` on."""
    place, offset = first >> 6, first & 63
    pair = [_table_entry(f, place + (word + following)) for following in range(2)]
    return _funnel(f, pair[0], pair[1], offset)


def _table_entry(f: Formula, place: Whole) -> Whole:
    table = f.table("turns", TWO_OVER_PI)
    address = f.emit(f"getelementptr i64, ptr {table}, i64 {place.text}")
    return Whole(f, f.emit(f"load i64, ptr {address}"))


def _funnel(f: Formula, a: Whole, b: Whole, count: Whole | int) -> Whole:
    """The upper word of two, after a shift to the left."""
    f.declare("llvm.fshl.i64", "i64", ["i64", "i64", "i64"])
    return Whole(f, f.emit(f"call i64 @llvm.fshl.i64(i64 {a.text}, i64 {b.text}, i64 {f.whole_of(count).text})"))


def _wide(f: Formula, name: str, a: Whole, b: Whole) -> str:
    """An operation of 128 bits."""
    left, right = (f.emit(f"zext i64 {value.text} to i128") for value in (a, b))
    return f.emit(f"{name} i128 {left}, {right}")


def _half(f: Formula, wide: str, shift: int, kind: str = "i64") -> str:
    """The upper or lower word of 128 bits."""
    shifted = f.emit(f"lshr i128 {wide}, {shift}") if shift else wide
    return shifted if kind == "i128" else f.emit(f"trunc i128 {shifted} to {kind}")


def _chosen(f: Formula, holds: str, a: Whole, b: Whole) -> Whole:
    return Whole(f, f.emit(f"select i1 {holds}, i64 {a.text}, i64 {b.text}"))


def _small(f: Formula, whole: Whole) -> Real:
    """An integer of 53 bits as a float."""
    return Real(f, f.emit(f"sitofp i64 {whole.text} to double"))


def _two_to_minus(f: Formula, shift: Whole, offset: int) -> Real:
    """``2^-(shift + offset)``."""
    return ((f.integer(f.format.bias - offset) - shift) << 52).as_real()
