"""Symbolic proofs that two graphs are one function: by one canonical form, by one normal form, or by SymPy."""

from __future__ import annotations

import ctypes
import math
import threading
import time
from collections.abc import Callable, Collection, Iterable
from typing import Any, TypeVar

import numpy as np

from gradc.ir.scalar import Scalar, number
from gradc.ir.tensor import Compute, Graph, Input, Tensor
from gradc.ir.walk import graph_order, post_order
from gradc.verify.domain import Facts, has_domain, requirements, unimplied
from gradc.verify.givens import Givens
from gradc.verify.normal_form import NormalForm
from gradc.verify.polynomial import Polynomial, TooLarge, Unsupported
from gradc.verify.polynomial_words import nonzero
from gradc.verify.signs import always_positive, never_negative, rarely_holds
from gradc.verify.verdict import Certificate

Result = TypeVar("Result")

#: SymPy sees at most this many entries and operations.
_MOST_ENTRIES = 24
_MOST_OPERATIONS = 400
_DEFINED = "both are defined"
_AWAY_FROM_KINKS = "no argument lies where two branches meet"


def prove(
    derived: Graph, hand: Graph, seconds: float, value: Graph | None = None, givens: Givens | None = None
) -> Certificate | None:
    """A proof that the graphs agree for all values and sizes, or None.

    ``value`` is the function that was differentiated: a proof is about the points where it is defined.
    """
    if derived.outputs == hand.outputs:
        return Certificate("both are the same expression")
    started = time.monotonic()
    domain = _Domain(derived, hand, value, Givens({}) if givens is None else givens, seconds / 4)
    for options in ({}, {"rotations": True}):
        proof = _by_normal_form(derived, hand, domain, seconds / 4, **options)
        if proof is not None:
            return proof
    if _same_display(derived, hand):
        return domain.certificate("both have the same canonical form")
    unrolled = _by_normal_form(derived, hand, domain, seconds / 4, rotations=True, unroll=True)
    if unrolled is not None:
        return unrolled
    left = max(seconds / 4, seconds - (time.monotonic() - started))
    return _by_sympy(derived, hand, domain, left)


def _same_display(derived: Graph, hand: Graph) -> bool:
    from gradc.simplify.display import display

    return display(derived).outputs == display(hand).outputs


class _Domain:
    """Where the function is defined, and what the hand-written one asks beyond that."""

    def __init__(self, derived: Graph, hand: Graph, value: Graph | None, givens: Givens, seconds: float) -> None:
        self.givens = givens
        self._facts = Facts(givens.positive)
        self.words: tuple[str, ...] = ()
        self.conditions: tuple[str, ...] = ()
        ours = [*(value.outputs if value is not None else ()), *derived.outputs]
        if not has_domain([*ours, *hand.outputs]):
            return
        words: dict[str, None] = {}
        for _ in range(2):  # what is known at first may decide how the rest is written
            found = [r for r in requirements(ours, self.form(seconds)) if not never_negative(r.polynomial)]
            self._facts = self._facts.joined(found)
            words.update(dict.fromkeys(r.words for r in found if r.words))
        self.words = tuple(words)
        form = self.form(seconds)
        asked = unimplied(requirements(hand.outputs, form), form)
        self.conditions = tuple(dict.fromkeys(r.words or _DEFINED for r in asked))
        self._facts = self._facts.joined(asked)

    @property
    def inputs_above_zero(self) -> frozenset[Tensor]:
        """The inputs whose entries are above 0 wherever both are defined."""
        return self._facts.inputs

    def form(self, seconds: float, **options: bool) -> NormalForm:
        """A normal form that knows the domain."""
        return self._facts.form(self.givens.symmetric, seconds, **options)

    def certificate(self, method: str, rules: Iterable[str] = (), conditions: Iterable[str] = ()) -> Certificate:
        """The certificate of a proof on this domain."""
        return Certificate(method, tuple(rules), (*self.conditions, *conditions), self.words)


# ---------------------------------------------------------------- own normal form


def _by_normal_form(
    derived: Graph, hand: Graph, domain: _Domain, seconds: float, **options: bool
) -> Certificate | None:
    try:
        return _difference_vanishes(derived, hand, domain, domain.form(seconds, **options))
    except (TooLarge, Unsupported, RecursionError):
        return None


def _difference_vanishes(derived: Graph, hand: Graph, domain: _Domain, form: NormalForm) -> Certificate | None:
    entries = [form.entry(output) for output in derived.outputs]
    divisors = set(form.divisors)
    differences = [form.subtract(e, form.entry(output)) for e, output in zip(entries, hand.outputs, strict=True)]
    new = [p for p in form.divisors - divisors if not (always_positive(p) or form.is_known_positive(p))]
    conditions = dict.fromkeys(sorted(nonzero(p) for p in new))
    for ours, gap in zip(derived.outputs, differences, strict=True):
        difference = form.in_range(gap, dict(enumerate(ours.shape)))
        for part in _entries(difference, ours, form):
            if form.is_zero(part):
                continue
            generic = Polynomial({m: v for m, v in part.terms.items() if not any(rarely_holds(a) for a, _ in m)})
            if len(generic.terms) == len(part.terms) or not form.is_zero(generic):
                return None
            conditions.update(dict.fromkeys(_kinks(part)))
    return domain.certificate("their difference expands to 0", form.rules, conditions)


def _kinks(part: Polynomial) -> list[str]:
    """Where the two may differ: at the zeros that separate branches, in words."""
    rare = [atom for monomial in part.terms for atom, _ in monomial if rarely_holds(atom)]
    return sorted({nonzero(atom.parts[0]) if atom.kind == "eq" else _AWAY_FROM_KINKS for atom in rare})


def _entries(difference: Polynomial, output: Tensor, form: NormalForm) -> list[Polynomial]:
    """The difference at once, or at every entry where brackets over few entries are left in it."""
    brackets = any(atom.kind == "predicate" for monomial in difference.terms for atom, _ in monomial)
    shape = [extent for extent in output.shape if isinstance(extent, int)]
    if not brackets or len(shape) != output.rank or np.prod(shape) > _MOST_ENTRIES:
        return [difference]
    places = np.ndindex(*shape)
    return [form.substitute(difference, {k: number(int(i)) for k, i in enumerate(place)}) for place in places]


# ---------------------------------------------------------------- SymPy


def _by_sympy(derived: Graph, hand: Graph, domain: _Domain, seconds: float) -> Certificate | None:
    """SymPy's simplifier on the difference of the entries, where there are few and sizes are fixed."""
    if _has_named_extent(derived, hand) or _operations(derived, hand) > _MOST_OPERATIONS:
        return None
    positive = {node.name for node in domain.inputs_above_zero if isinstance(node, Input)}
    shown = within(seconds, lambda: _sympy_says_zero(derived, hand, positive))
    return domain.certificate("SymPy simplifies their difference to 0", (), (_DEFINED,)) if shown else None


def _has_named_extent(*graphs: Graph) -> bool:
    tensors = [node for graph in graphs for node in graph_order(graph.outputs) if isinstance(node, Tensor)]
    tensors += [node for graph in graphs for node in graph.inputs]
    extents = [
        *(e for t in tensors for e in t.shape),
        *(e for t in tensors if isinstance(t, Compute) for e in t.extents),
    ]
    return any(isinstance(extent, Scalar) for extent in extents)


def _operations(*graphs: Graph) -> int:
    total = 0
    for graph in graphs:
        for node in graph_order(graph.outputs):
            if isinstance(node, Compute):
                volume = math.prod(extent for extent in node.extents if isinstance(extent, int))
                total += volume * len(post_order([node.body]))
    return total


def _sympy_says_zero(derived: Graph, hand: Graph, positive: Collection[str]) -> bool:
    import sympy

    from gradc.evaluate import SYMPY, evaluate

    values = [_symbols(node, node.name in positive) for node in derived.inputs]
    ours, theirs = evaluate(derived, values, SYMPY), evaluate(hand, values, SYMPY)
    entries = [(a, b) for x, y in zip(ours, theirs, strict=True) for a, b in zip(x.ravel(), y.ravel(), strict=True)]
    return len(entries) <= _MOST_ENTRIES and all(sympy.simplify(a - b) == 0 for a, b in entries)


def _symbols(node: Input, positive: bool) -> np.ndarray[Any, Any]:
    import sympy

    result: np.ndarray[Any, Any] = np.empty([e for e in node.shape if isinstance(e, int)], dtype=object)
    for place in np.ndindex(result.shape):
        name = "_".join([node.name, *map(str, place)])
        result[place] = sympy.Symbol(
            name, real=True, positive=positive or None, integer=True if node.dtype.kind in "iu" else None
        )
    return result


class _Stopped(BaseException):
    """Raised inside the worker when its time is over; not an Exception, so that nothing there swallows it."""


def within(seconds: float, task: Callable[[], Result]) -> Result | None:
    """The result of ``task``, or None when it takes longer or fails.

    The task runs in a thread of its own that is really stopped: an exception is raised inside it, which pure Python code
    (SymPy is) meets at its next bytecode.
    """
    results: list[Result] = []

    def work() -> None:
        try:
            results.append(task())
        except (Exception, _Stopped, RecursionError):
            return

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(seconds)
    attempts = 0
    while thread.is_alive() and attempts < 50:
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident or 0), ctypes.py_object(_Stopped))
        thread.join(0.1)
        attempts += 1
    return results[0] if results else None
