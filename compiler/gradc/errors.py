"""What gradc raises. Each error is a `GradcError` and also the builtin error a caller would expect."""

from __future__ import annotations


class GradcError(Exception):
    """The base of every error that gradc raises itself."""


class TraceError(GradcError, TypeError):
    """Something in the function can't be traced; the message names the line and the replacement."""


class ShapeError(GradcError, ValueError):
    """Shapes that don't fit together."""


class DTypeError(GradcError, TypeError):
    """A dtype that can't be used here."""


class NonScalarOutputError(GradcError, TypeError):
    """A gradient was asked of a function whose output is not a scalar."""


class ArgumentError(GradcError, TypeError):
    """Arguments that don't fit the function's signature."""


class SettingError(GradcError, ValueError):
    """A setting that makes no sense."""


class ParseError(GradcError, ValueError):
    """Text that is not a formula."""


class CompileError(GradcError, RuntimeError):
    """A graph that can't be lowered to machine code."""


class InternalError(GradcError, AssertionError):
    """A fault in gradc itself: a pass gave a malformed graph."""
