"""Dtypes, conversions and promotion; what asks about dtypes; printing, files and settings, which are no computation."""

from __future__ import annotations

import contextlib
import io
import math
from fractions import Fraction

import numpy as np

from surface.form import form

X = np.array([-2.3, -0.7, 0.4, 1.6])
S = np.array([0.5, -1.25, 2.75])
I = np.array([7, -7, 3, -12])  # noqa: E741
I32 = np.array([1, -2, 2**31 - 1], np.int32)
U8 = np.array([0, 5, 200], np.uint8)
U64 = np.array([1, 2**63, 5], np.uint64)
B = np.array([True, False, True])
WHOLE = np.array([1.0, 2.5, -3.7, 300.2])


def _closest(x):
    return 1e-6 if x.dtype == np.float32 else 1e-12


def _quietly(x):
    with np.errstate(all="ignore"):
        return np.log(x)


def _printed(x):
    with np.printoptions(precision=3):
        text = np.array2string(np.array([1.5, 2.5]))
    return x * len(text)


def _settings(x):
    old = np.geterr()
    np.seterr(**old)
    return x * len(old)


def _from_text(x):
    return x * np.loadtxt(io.StringIO("1.5 2.5 3.5 4.5"))


def _generated(x):
    return x * np.genfromtxt(io.StringIO("1.5 2.5 3.5 4.5"))


def _shown(x):
    with contextlib.redirect_stdout(io.StringIO()) as shown:
        np.show_runtime()
    return x * (len(shown.getvalue()) > 0)


def _told(x):
    told = io.StringIO()
    np.info(np.sin, output=told)
    return x * (len(told.getvalue()) > 0)


def _saved(x):
    file = io.BytesIO()
    np.save(file, np.array([1.5, 2.5, 3.5, 4.5]))
    file.seek(0)
    return x * np.load(file)


def _saved_text(x):
    file = io.StringIO()
    np.savetxt(file, np.array([1.5, 2.5]))
    return x * len(file.getvalue())


def _filled(x):
    out = np.zeros(4, np.float32)
    out[...] = x
    return out


def _counted(n):
    out = np.zeros(3, int)
    out += n
    out *= 2
    return out


_CONVERSIONS = [
    form("ndarray.astype", lambda x: x.astype(np.float32), X, tolerance=1e-6, slope_tolerance=1e-3),
    form("ndarray.astype", lambda x: x.astype(np.float64) * 2, S),
    form("ndarray.astype", lambda n: n.astype(np.float32).astype(float), I32),
    form("ndarray.astype", lambda x: x.astype(int), WHOLE),
    form("ndarray.astype", lambda x: x.astype(np.uint8), np.array([1.0, 2.5, 200.2])),
    form("ndarray.astype", lambda n: n.astype(np.uint8), np.array([-1, 300, 256, 5])),
    form("ndarray.astype", lambda n: n.astype(np.int8), np.array([-1, 300, 128, 5])),
    form("ndarray.astype", lambda x: x.astype(bool), np.array([0.0, -0.0, 1.5])),
    form("ndarray.astype", lambda n: n.astype(float) / 4, U8),
    form(
        "ndarray.astype",
        lambda x: x.astype("float32", copy=False, order="C", casting="same_kind"),
        S,
        tolerance=1e-6,
        slope_tolerance=1e-3,
    ),
    form("ndarray.astype", lambda x: x.astype(complex), X),
    form("np.astype", lambda x: np.astype(x, np.float32, copy=True), X, tolerance=1e-6, slope_tolerance=1e-3),
    form("np.asarray", lambda x: np.asarray(x, dtype=np.float32), X, tolerance=1e-6, slope_tolerance=1e-3),
    form("np.asarray", lambda x: np.asarray([x[0], 2, x[1]], dtype=float), X),
    form("np.array", lambda n: np.array(n, dtype=np.float64) * 0.5, I),
    form("np.full_like", lambda n, x: np.full_like(n, 7) * x, I, X),
    form("ndarray.astype", _filled, X, tolerance=1e-6, slope_tolerance=1e-3),
    form("ndarray.astype", _counted, np.array([1, 2, 3])),
]

_PROMOTION = [
    form("np.add", lambda x: x * 2 + 1.5, S),
    form("np.add", lambda x: x + np.float64(0.1), S),
    form("np.add", lambda x: x + np.float32(0.1), S),
    form("np.add", lambda x, n: x + n, S, np.array([1, 2, 3])),
    form("np.add", lambda x, n: x * n, S, U8),
    form("np.add", lambda x, p: x + p, S, B),
    form("np.add", lambda n: n + 1, U8),
    form("np.add", lambda n, m: n + m, U8, np.array([-1, 2, 3], np.int8)),
    form("np.add", lambda n, m: n + m, U64, np.array([1, -2, 3])),
    form("np.add", lambda n: n + 1, I32),
    form("np.multiply", lambda n: n * n, I32),
    form("np.add", lambda p, q: p + q, B, ~B),
    form("np.multiply", lambda p, x: p * x, B, np.array([0.5, -1.5, 2.5])),
    form("np.divide", lambda n: n / 2, U8),
    form("np.subtract", lambda n: 3 - n, U8),
    form("np.sin", lambda n: np.sin(n), I),
    form("np.sqrt", lambda p: np.sqrt(p.astype(float)), B),
    form("np.where", lambda p, x: np.where(p, x, 0), B, S),
    form("np.add", lambda n: n + 2**63, U64),
    form("np.sin", lambda x: np.sin(x) * math.pi + math.sqrt(2.0), X),
    form("np.add", lambda x: x * Fraction(1, 2).__float__(), X),
]

_BUILTINS = [
    form("more.python", lambda x: math.sin(x), 0.5),
    form("np.absolute", lambda x: abs(x) + pow(x, 2), X),
    form("np.round", lambda x: round(x, 1) * x, np.float64(0.77)),
    form("np.divmod", lambda x: divmod(x, 0.45), 1.3),
    form("np.maximum", lambda x, y: max(x, y) + min(x, y, 0.1), 0.7, -0.3),
    form("np.add", lambda x: sum(x[k] * k for k in range(4)), X),
    form("np.power", lambda x: pow(x, 3), 0.7),
]

_QUESTIONS = [
    form("np.result_type", lambda x, n: x.astype(np.result_type(x, n)), S, I[:3]),
    form("np.result_type", lambda x: np.zeros(4, np.result_type(x, 1)) + x, X),
    form("np.promote_types", lambda x: x.astype(np.promote_types(x.dtype, np.float32)), X),
    form("np.can_cast", lambda x: x * 2 if np.can_cast(x.dtype, np.float64) else x, X),
    form("np.can_cast", lambda x: x * 2 if np.can_cast(np.int32, np.float64, casting="safe") else x, X),
    form("np.min_scalar_type", lambda x: x * np.min_scalar_type(300).itemsize, X),
    form("np.common_type", lambda x: x.astype(np.common_type(x, np.ones(2))), X),
    form("np.mintypecode", lambda x: x.astype(np.mintypecode("fd")), X),
    form("np.typename", lambda x: x * len(np.typename("d")), X),
    form("np.issubdtype", lambda x: x * 2 if np.issubdtype(x.dtype, np.floating) else x, X),
    form("np.isdtype", lambda x: x * 2 if np.isdtype(x.dtype, "real floating") else x, X),
    form("np.isdtype", lambda n: n * 2 if np.isdtype(n.dtype, ("integral", "bool")) else n, I),
    form("np.iterable", lambda x: x * 2 if np.iterable(x) and not np.iterable(x[0]) else x, X),
    form("np.from_dlpack", lambda x: np.from_dlpack(x) * 2, X),
    form("np.isscalar", lambda x: x * 2 if np.isscalar(2.0) and not np.isscalar(x) else x, X),
    form("np.iscomplexobj np.isrealobj", lambda x: x * 2 if np.isrealobj(x) and not np.iscomplexobj(x) else x, X),
    form("np.sin", lambda x: np.sin(x) * _closest(x), X),
    form("ndarray.dtype", lambda x: x * np.finfo(x.dtype).resolution, X),
    form("ndarray.dtype", lambda n: n // np.iinfo(n.dtype).bits, I),
    form("ndarray.dtype", lambda x: x * np.finfo(np.float32).eps + np.finfo(float).tiny, X),
    form("ndarray.dtype", lambda x: x if x.dtype.kind == "f" and x.dtype in ("float64", "float32") else x[:1], X),
    form(
        "ndarray.dtype",
        lambda x: x.astype(np.dtype("f4")).astype(np.dtype(x.dtype.str)),
        X,
        tolerance=1e-6,
        slope_tolerance=1e-3,
    ),
    form("ndarray.itemsize ndarray.nbytes", lambda n: n * n.itemsize + n.nbytes, I),
    form(
        "np.may_share_memory np.shares_memory",
        lambda x: x * np.shares_memory(x, x[1:]) + np.may_share_memory(x, x + 1),
        X,
    ),
    form("np.shares_memory", lambda x: x * (2 if np.shares_memory(x[::2], x[1::2]) else 3), X),
]

_PRINTING = [
    form("np.base_repr np.binary_repr", lambda x: x * len(np.base_repr(10, 3)) + len(np.binary_repr(5)), X),
    form("np.format_float_positional", lambda x: x * len(np.format_float_positional(1.25)), X),
    form("np.format_float_scientific", lambda x: x * len(np.format_float_scientific(1.25)), X),
    form(
        "np.array2string np.array_repr np.array_str",
        lambda x: x * len(np.array_str(np.array([1, 2])) + np.array_repr(np.eye(2))),
        X,
    ),
    form("np.printoptions np.array2string", _printed, X),
    form("np.get_printoptions", lambda x: x * np.get_printoptions()["precision"], X),
    form("np.set_printoptions", lambda x: (np.set_printoptions(precision=8), x * 2)[1], X),
]

_SETTINGS = [
    form("np.log", _quietly, np.abs(X)),
    form("np.geterr np.seterr", _settings, X),
    form("np.geterrcall np.seterrcall", lambda x: (np.seterrcall(np.geterrcall()), x * 2)[1], X),
    form("np.getbufsize np.setbufsize", lambda x: x * (np.setbufsize(8192) > 0) * np.getbufsize(), X),
    form("np.get_include", lambda x: x * (len(np.get_include()) > 0), X),
    form("np.save np.load", _saved, X),
    form("np.savetxt", _saved_text, X),
    form("np.loadtxt", _from_text, X),
    form("np.genfromtxt", _generated, X),
    form("np.fromfile", lambda x: x * np.fromfile(__file__, np.uint8, count=4), X),
    form("np.fromregex", lambda x: x * np.fromregex(io.BytesIO(b"1 2"), rb"(\d+)", [("n", int)])["n"][0], X),
    form("np.fromstring", lambda x: x * np.fromstring("1.5 2 3 4", sep=" "), X),
    form("np.frombuffer", lambda x: x * np.frombuffer(b"\x01\x02\x03\x04", np.uint8), X),
    form("np.datetime_data", lambda x: x * np.datetime_data(np.dtype("m8[25s]"))[1], X),
    form("np.datetime_as_string", lambda x: x * len(np.datetime_as_string(np.datetime64("2020-01-02"))), X),
    form("np.busday_count", lambda x: x * np.busday_count("2020-01-01", "2020-01-31"), X),
    form("np.busday_offset np.is_busday", lambda x: x * np.is_busday(np.busday_offset("2020-01-01", 3)), X),
    form("np.show_config", lambda x: x * (len(np.show_config(mode="dicts")) > 0), X),
    form("np.show_runtime", _shown, X),
    form("np.info", _told, X),
    form("np.isnat", lambda x: x * np.isnat(np.datetime64("NaT")), X),
    form("np.einsum_path", lambda x: x * len(np.einsum_path("i,i->", np.ones(4), np.ones(4))[0]), X),
]

_BITS = [
    form("np.packbits", lambda p: np.packbits(p), B),
    form("np.packbits", lambda n: np.packbits(n, axis=0, bitorder="little"), np.array([[1, 0], [0, 2], [7, 0]])),
    form("np.unpackbits", lambda n: np.unpackbits(n), U8),
    form("np.unpackbits", lambda n: np.unpackbits(n[None], axis=1, count=-3, bitorder="little"), U8),
    form("np.unpackbits", lambda n: np.unpackbits(n, count=30), U8),
]

FORMS = [*_CONVERSIONS, *_PROMOTION, *_BUILTINS, *_QUESTIONS, *_PRINTING, *_SETTINGS, *_BITS]


def _float_power(x):
    out = np.zeros(4, int)
    out += x
    return out


REFUSED = [
    form("ndarray.astype", lambda x: x.astype(np.float16), X),
    form("ndarray.astype", lambda x: x.astype(np.longdouble), X),
    form("ndarray.astype", lambda x: x.astype("U8"), X),
    form("ndarray.astype", lambda x: x.astype(object), X),
    form("ndarray.astype", lambda x: x.astype(int, casting="safe"), X),
    form("ndarray.astype", lambda x: x.astype("flout"), X),
    form("np.sin", lambda n: np.sin(n), U8),
    form("np.add", lambda n: n + 300, U8),
    form("np.add", lambda n: n * 2**70, I),
    form("np.add", _float_power, X),
    form("np.add", lambda x: np.float16(2.0) * x.astype(np.float32), X[:0]),
    form("ndarray.dtype", lambda x: np.float32(x[0]) * x, X),
    form("ndarray.dtype", lambda n: np.int64(n[0]) * n, I),
    form("np.array2string", lambda x: np.array2string(x), X),
    form("np.array_repr", lambda x: np.array_repr(x), X),
    form("np.array_str", lambda x: np.array_str(x), X),
    form("np.format_float_positional", lambda x: np.format_float_positional(x[0]), X),
    form("np.format_float_scientific", lambda x: np.format_float_scientific(x[0]), X),
    form("np.binary_repr", lambda n: np.binary_repr(n[0]), I),
    form("np.base_repr", lambda n: np.base_repr(n[0]), I),
    form("np.min_scalar_type", lambda n: np.min_scalar_type(n[0]), I),
    form("np.save", lambda x: np.save("x.npy", x), X),
    form("np.savez", lambda x: np.savez("x.npz", x), X),
    form("np.savez_compressed", lambda x: np.savez_compressed("x.npz", x), X),
    form("np.savetxt", lambda x: np.savetxt("x.txt", x), X),
    form("ndarray.tofile", lambda x: x.tofile("x.bin"), X),
    form("ndarray.tobytes", lambda x: x.tobytes(), X),
    form("ndarray.dump ndarray.dumps", lambda x: x.dumps(), X),
    form("np.packbits", lambda x: np.packbits(x), X),
    form("np.test", lambda x: (np.test(), x)[1], X),
    form("np.info", lambda x: np.info(x), X),
    form("np.frompyfunc", lambda x: np.frompyfunc(lambda t: t + 1, 1, 1)(x), X),
]
