"""Calls of LAPACK: see `gradc.lower.factorisations` for what its routines are given.

LAPACK works in place: the result's buffer first gets a copy of the operand.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod

from gradc.ir.scalar import BOOL, INT64, DType
from gradc.ir.tensor import Extent
from gradc.lower.expression import ExpressionEmitter
from gradc.lower.library import CallStatement, RoutineKind
from gradc.lower.text import ONE, ZERO, Value, literal, llvm_type
from gradc_runtime.lapack import PREFIX

#: What a kernel returns when LAPACK refuses a matrix, see `gradc_runtime.loaded.MATRIX_ERRORS`.
SINGULAR, NOT_POSITIVE, NO_CONVERGENCE, NO_EIGENVALUES = 2, 3, 4, 5


def on_matrices(write: Callable[[MatricesAtPlace], None]) -> Callable[[ExpressionEmitter, CallStatement], None]:
    """The call, for every matrix of the batch."""

    def each(e: ExpressionEmitter, statement: CallStatement) -> None:
        count = ONE
        for length in statement.tensor.shape[:-2]:
            count = e.builder.multiply_integers(count, e.extent(length))

        def one(position: Value, _: list[Value]) -> list[Value]:
            write(MatricesAtPlace(e, statement, position))
            return []

        if count is ONE:
            one(ZERO, [])
        else:
            e.builder.loop(ZERO, count, [], one)

    return each


class MatricesAtPlace:
    """The matrices at one place of the batch, and how to call a routine on them."""

    def __init__(self, e: ExpressionEmitter, statement: CallStatement, position: Value) -> None:
        self.e, self.statement = e, statement
        self.dtype: DType = statement.tensor.dtype
        self.result = self._start(statement.tensor, position)
        self.operands = [self._start(tensor, position) for tensor in statement.operands]
        self.rows, self.columns = (e.extent(length) for length in statement.tensor.shape[-2:])

    def _start(self, tensor: object, position: Value) -> str:
        e = self.e
        size = ONE
        for length in tensor.shape[-2:]:  # type: ignore[attr-defined]
            size = e.builder.multiply_integers(size, e.extent(length))
        base = e.storage(tensor).pointer  # type: ignore[arg-type]
        offset = e.builder.multiply_integers(position, size)
        return e.entry_pointer(base, offset, self.dtype, e.builder.depth)

    def entry(self, start: str, position: Value) -> str:
        """The address of an entry of the matrix that starts there."""
        return self.e.entry_pointer(Value(start, INT64), position, self.dtype, self.e.builder.depth)

    def copied(self, start: str, count: Value) -> None:
        """Begin the result with so many entries of an operand."""
        self.copied_to(self.result, start, count)

    def copied_to(self, target: str, start: str, count: Value) -> None:
        """Copy so many entries."""
        builder = self.e.builder
        size = builder.multiply_integers(count, literal(self.dtype.itemsize, INT64))
        builder.copy_bytes(target, start, size)

    def called(self, routine: str, *arguments: str | Value) -> Value:
        """LAPACK's routine; each argument is an address, a letter or an integer. Its last result is the outcome."""
        builder = self.e.builder
        outcome = builder.on_stack("i32")
        builder.line(f"store i32 0, ptr {outcome}")
        given = [self._argument(a) for a in arguments] + [outcome]
        name = PREFIX + ("d" if self.dtype.itemsize == 8 else "s") + routine
        builder.module.declare(name, "void", ["ptr"] * len(given))
        builder.line(f"call void @{name}({', '.join(f'ptr {a}' for a in given)})")
        text = builder.instruction(f"load i32, ptr {outcome}", builder.depth)
        return Value(builder.instruction(f"sext i32 {text} to i64", builder.depth), INT64, builder.depth)

    def _argument(self, argument: str | Value) -> str:
        builder = self.e.builder
        if isinstance(argument, str) and len(argument) > 1:
            return argument
        if isinstance(argument, str):
            kind, text = "i8", str(ord(argument))
        else:
            kind = "i32"
            text = argument.text
            if argument.literal is None:
                text = builder.instruction(f"trunc i64 {argument.text} to i32", builder.depth)
        cell = builder.on_stack(kind)
        builder.line(f"store {kind} {text}, ptr {cell}")
        return cell

    def refuse(self, outside: str, status: int) -> None:
        """End the kernel where a condition, an instruction that gives i1, holds."""
        e, depth = self.e, self.e.builder.depth
        e.builder.fail(Value(e.builder.instruction(outside, depth), BOOL, depth), [], status, e.status_slot, depth)

    @property
    def leading(self) -> Value:
        """A leading dimension: at least one, also of an empty matrix."""
        return self.e.builder.maximum_integers(self.columns, ONE)

    @property
    def area(self) -> Value:
        """The entries of an n by n matrix."""
        return self.e.builder.multiply_integers(self.columns, self.columns)


def _lu(at: MatricesAtPlace) -> None:
    builder, n = at.e.builder, at.columns
    (matrix,) = at.operands
    at.copied(matrix, at.area)
    pivots = at.entry(at.result, at.area)
    at.called("getrf", n, n, at.result, at.leading, pivots)
    signs = at.entry(at.result, builder.add_integers(at.area, n))
    kind = llvm_type(at.dtype)

    def exchange(k: Value, _: list[Value]) -> Sequence[Value]:
        depth = builder.depth
        where = builder.instruction(f"getelementptr i32, ptr {pivots}, i64 {k.text}", depth)
        pivot = builder.instruction(f"load i32, ptr {where}, align 4", depth)
        wide = builder.instruction(f"sext i32 {pivot} to i64", depth)
        own = builder.add_integers(k, ONE)
        stays = builder.instruction(f"icmp eq i64 {wide}, {own.text}", depth)
        sign = builder.instruction(f"select i1 {stays}, {kind} 1.0, {kind} -1.0", depth)
        builder.line(f"store {kind} {sign}, ptr {at.entry(signs, k)}, align {at.dtype.itemsize}")
        return []

    builder.loop(ZERO, n, [], exchange)


def _lu_solve(at: MatricesAtPlace) -> None:
    """A pivot of zero is what NumPy calls singular."""
    builder, n = at.e.builder, at.columns
    factors, right = at.operands
    kind = llvm_type(at.dtype)

    def check(k: Value, _: list[Value]) -> Sequence[Value]:
        place = builder.add_integers(builder.multiply_integers(k, n), k)
        value = builder.instruction(
            f"load {kind}, ptr {at.entry(factors, place)}, align {at.dtype.itemsize}", builder.depth
        )
        at.refuse(f"fcmp oeq {kind} {value}, 0.0", SINGULAR)
        return []

    builder.loop(ZERO, n, [], check)
    at.copied(right, builder.multiply_integers(at.rows, n))
    flipped = at.statement.parameters["flipped"]
    pivots = at.entry(factors, at.area)
    at.called("getrs", "T" if flipped else "N", n, at.rows, factors, at.leading, pivots, at.result, at.leading)


def _triangle_solve(at: MatricesAtPlace) -> None:
    builder, n = at.e.builder, at.columns
    matrix, right = at.operands
    at.copied(right, builder.multiply_integers(at.rows, n))
    # the row-major lower triangle is the column-major upper one
    triangle = "U" if at.statement.parameters["lower"] else "L"
    flip = "N" if at.statement.parameters["flipped"] else "T"
    outcome = at.called("trtrs", triangle, flip, "N", n, at.rows, matrix, at.leading, at.result, at.leading)
    at.refuse(f"icmp sgt i64 {outcome.text}, 0", SINGULAR)


def _factor(at: MatricesAtPlace) -> None:
    (matrix,) = at.operands
    at.copied(matrix, at.area)
    outcome = at.called("potrf", "U", at.columns, at.result, at.leading)
    at.refuse(f"icmp sgt i64 {outcome.text}, 0", NOT_POSITIVE)


WRITERS: dict[str, Callable[[ExpressionEmitter, CallStatement], None]] = {
    "lu": on_matrices(_lu),
    "lu_solve": on_matrices(_lu_solve),
    "triangle_solve": on_matrices(_triangle_solve),
    "factor": on_matrices(_factor),
}


def _kind(title: str, factor: float, solutions: int, order: int) -> RoutineKind:
    """A routine on matrices of n columns and m rows that takes ``factor m^solutions n^order`` operations."""

    def operations(statement: CallStatement, assumed: Callable[[Extent], int]) -> float:
        *batch, rows, columns = map(assumed, statement.tensor.shape)
        return factor * prod([*batch, *[rows] * solutions, *[columns] * order])

    return RoutineKind(title, operations, uses_blas=True)


KINDS: dict[str, RoutineKind] = {
    "lu": _kind("LU factorisation by LAPACK", 2 / 3, 0, 3),
    "lu_solve": _kind("solution from LU factors by LAPACK", 2.0, 1, 2),
    "triangle_solve": _kind("triangular solution by LAPACK", 1.0, 1, 2),
    "factor": _kind("Cholesky factorisation by LAPACK", 1 / 3, 0, 3),
}
