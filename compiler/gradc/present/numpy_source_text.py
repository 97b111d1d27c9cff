"""Array expressions as Python source: a shared graph of terms, and the statements that compute it.

A `Term` is a piece of source with holes. Equal terms are one object, so what is computed twice is found by counting uses;
those terms, and parts of lines that would be too long, become named temporaries.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

#: Python's binding strengths, loosest first.
TUPLE, COMPARISON, OR, AND, SUM, PRODUCT, UNARY, POWER, ATOM = range(9)

_LONGEST_LINE = 88
_LONGEST_PART = 60
#: What is plainer by name than in its place.
_ALWAYS_NAMED = frozenset(("shift",))
#: More temporaries of one kind are numbered.
_MOST_OF_A_KIND = 4
#: What the formatter writes without spaces around ``**``.
_SIMPLE_OPERAND = re.compile(r"-?(?:[A-Za-z_][\w.]*|\d[\w.]*)")


#: Adds the statements of a loop or branch whose parts have this source; gives the source of its results.
Written = Callable[["Statements", Sequence[str]], list[str]]


@dataclass(frozen=True, eq=False)
class Term:
    """Source with holes ``{0}``, ``{1}``, ... for its parts.

    ``binding`` is how tightly it holds together, ``needs`` how tightly each part must. A term with ``block`` is computed
    by statements, in which ``{out}`` is its own name; ``hint`` suggests a name for its value. What is ``written`` has
    statements of its own, and several results: terms with the ``position`` of one are that.
    """

    template: str
    binding: int = ATOM
    parts: tuple[Term, ...] = ()
    needs: tuple[int, ...] = ()
    block: tuple[str, ...] = ()
    hint: str = "term"
    written: Written | None = None
    position: int | None = None


@dataclass(frozen=True)
class Value:
    """A term and the axes that its array has, in this order."""

    term: Term
    axes: tuple[int, ...]


class Terms:
    """The terms of one function; equal ones are one object."""

    def __init__(self) -> None:
        self._known: dict[object, Term] = {}

    def make(
        self,
        template: str,
        parts: Sequence[Term] = (),
        binding: int = ATOM,
        needs: Sequence[int] | None = None,
        block: Sequence[str] = (),
        hint: str = "term",
    ) -> Term:
        """The term with this template and these parts."""
        key = (template, tuple(parts), tuple(block))
        if key not in self._known:
            wanted = tuple(needs) if needs is not None else (TUPLE,) * len(parts)
            self._known[key] = Term(template, binding, tuple(parts), wanted, tuple(block), hint)
        return self._known[key]

    def results(self, written: Written, parts: Sequence[Term], count: int) -> list[Term]:
        """The results of what has statements of its own."""
        whole = Term("", ATOM, tuple(parts), (TUPLE,) * len(parts), written=written)
        return [Term("", ATOM, (whole,), (TUPLE,), position=k) for k in range(count)]

    def atom(self, text: str) -> Term:
        """A name or literal."""
        binding = SUM if text.startswith("-") else ATOM
        return self.make(text.replace("{", "{{").replace("}", "}}"), binding=binding)

    def call(self, function: str, *arguments: Term, options: str = "", hint: str = "") -> Term:
        """``function(arguments, options)``."""
        holes = ", ".join(f"{{{k}}}" for k in range(len(arguments)))
        return self.make(f"{function}({holes}{options})", arguments, hint=hint or function.rpartition(".")[2])

    def binary(self, sign: str, left: Term, right: Term) -> Term:
        """``left sign right``."""
        if sign == "**":
            return self.make("{0}**{1}", (left, right), POWER, (ATOM, UNARY), hint="power")
        binding, left_need, right_need, hint = _SIGNS[sign]
        return self.make(f"{{0}} {sign} {{1}}", (left, right), binding, (left_need, right_need), hint=hint)

    def subscript(self, base: Term, entries: str, parts: Sequence[Term] = ()) -> Term:
        """``base[entries]``; the parts are holes 1, 2, ... of the entries."""
        return self.make(f"{{0}}[{entries}]", (base, *parts), needs=(ATOM, *[TUPLE] * len(parts)), hint="part")

    def attribute(self, base: Term, name: str) -> Term:
        """``base.name``."""
        return self.make(f"{{0}}.{name}", (base,), needs=(ATOM,), hint="part")


_SIGNS = {
    "+": (SUM, SUM, SUM + 1, "total"),
    "-": (SUM, SUM, SUM + 1, "difference"),
    "*": (PRODUCT, PRODUCT, PRODUCT + 1, "product"),
    "/": (PRODUCT, PRODUCT, PRODUCT + 1, "ratio"),
    "//": (PRODUCT, PRODUCT, PRODUCT + 1, "quotient"),
    "%": (PRODUCT, PRODUCT, PRODUCT + 1, "remainder"),
    "@": (PRODUCT, PRODUCT, PRODUCT + 1, "product"),
    "&": (AND, AND, AND + 1, "mask"),
    "|": (OR, OR, OR + 1, "mask"),
    **dict.fromkeys(("<", "<=", ">", ">=", "==", "!="), (COMPARISON, OR, OR, "mask")),
}

_NAMES = {"exp": "e", "sum": "total", "max": "largest", "min": "smallest", "where": "chosen", "expit": "sigmoid"}


def ordered(roots: Iterable[Term]) -> list[Term]:
    """Unique terms below (and including) the roots, parts first."""
    seen: set[Term] = set()
    order: list[Term] = []
    stack: list[tuple[Term, bool]] = [(root, False) for root in reversed(list(roots))]
    while stack:
        term, entered = stack.pop()
        if entered:
            order.append(term)
        elif term not in seen:
            seen.add(term)
            stack.append((term, True))
            stack.extend((part, False) for part in reversed(term.parts) if part not in seen)
    return order


class Statements:
    """The lines that compute some terms.

    Temporaries are called after what they hold; those of a kind in ``common`` (`common_kinds` of a draft) t1, t2, ...:
    a number behind a word tells nothing where there are many.
    """

    def __init__(self, taken: Iterable[str], common: Iterable[str] = ()) -> None:
        self.lines: list[str] = []
        self._taken = set(taken)
        self._given = frozenset(self._taken)
        self._common = frozenset(common)
        self._kinds: Counter[str] = Counter()
        self._text: dict[Term, tuple[str, int]] = {}
        self._uses: dict[Term, int] = {}
        self._results: dict[Term, list[str]] = {}

    def free(self, wanted: str) -> str:
        """A name that nothing has."""
        names = itertools.chain([wanted], (f"{wanted}{k}" for k in itertools.count(2)))
        name = next(name for name in names if name not in self._taken)
        self._taken.add(name)
        return name

    def release(self, name: str) -> None:
        """Let a name be given again: what it holds isn't read any more."""
        self._taken.discard(name)

    def indented(self, write: Callable[[Statements], None]) -> list[str]:
        """The lines that are written into statements of their own, one level deeper."""
        inner = Statements(self._taken, self._common)
        inner._given = self._given
        write(inner)
        self._taken = inner._taken
        self._kinds.update(inner._kinds)
        return [f"    {line}" for line in inner.lines]

    def compute(self, roots: Sequence[Term]) -> list[str]:
        """The source of each root, after the lines it needs."""
        order = ordered(roots)
        for used in (*roots, *[part for term in order for part in term.parts]):
            self._uses[used] = self._uses.get(used, 0) + 1
        for term in order:
            self._add(term)
        return [self._text[root][0] for root in roots]

    def _add(self, term: Term) -> None:
        if term.written is not None:
            self._results[term] = term.written(self, [self._part(part, TUPLE) for part in term.parts])
            self._text[term] = ("", ATOM)
            return
        if term.position is not None:
            self._text[term] = (self._results[term.parts[0]][term.position], ATOM)
            return
        if term.block:
            name = self._name(term)
            parts = [self._part(part, TUPLE) for part in term.parts]
            self.lines += [line.format(*parts, out=name) for line in term.block]
            self._text[term] = (name, ATOM)
            return
        text = self._filled(term)
        for part in sorted(term.parts, key=lambda p: -len(self._text[p][0])):
            if len(text) <= _LONGEST_PART or len(self._text[part][0]) < 20:
                break
            self._assign(part)
            text = self._filled(term)
        self._text[term] = (text, term.binding)
        if (self._uses[term] > 1 and _is_work(term)) or term.hint in _ALWAYS_NAMED:
            self._assign(term)

    def _filled(self, term: Term) -> str:
        if term.template == "{0}**{1}":
            base, exponent = (self._part(p, need) for p, need in zip(term.parts, term.needs, strict=True))
            hugged = _SIMPLE_OPERAND.fullmatch(base) and _SIMPLE_OPERAND.fullmatch(exponent)
            return f"{base}**{exponent}" if hugged else f"{base} ** {exponent}"
        return term.template.format(*[self._part(p, need) for p, need in zip(term.parts, term.needs, strict=True)])

    def _part(self, term: Term, need: int) -> str:
        text, binding = self._text[term]
        return f"({text})" if binding < need else text

    def _assign(self, term: Term) -> None:
        name = self._name(term)
        self.lines += assignment(name, self._text[term][0])
        self._text[term] = (name, ATOM)

    def common_kinds(self) -> list[str]:
        """What more than a few temporaries are called after."""
        return [kind for kind, count in self._kinds.items() if count > _MOST_OF_A_KIND]

    def _name(self, term: Term) -> str:
        wanted = kind = _NAMES.get(term.hint, term.hint)
        if term.template == "{0} @ {1}":
            joined = "".join(self._text[part][0] for part in term.parts)
            wanted = joined if joined.isidentifier() and len(joined) <= 4 else wanted
        elif len(term.parts) == 1 and self._text[term.parts[0]][0].isidentifier() and term.hint not in _NAMES:
            wanted = f"{wanted}_{self._text[term.parts[0]][0]}"
            kind = wanted if self._text[term.parts[0]][0] in self._given else kind
        wanted = wanted if wanted.isidentifier() else "term"
        self._kinds[kind] += 1
        numbers = itertools.count(2)
        name = wanted
        if kind in self._common:
            wanted, numbers = "t", itertools.count(1)
            name = f"t{next(numbers)}"
        while name in self._taken:
            name = f"{wanted}{next(numbers)}"
        self._taken.add(name)
        return name


def _is_work(term: Term) -> bool:
    """Whether naming the term saves work: views and literals are free, and ``2 * x`` is as short as its name."""
    if term.template == "{0} * {1}" and not term.parts[0].parts and not term.parts[1].parts:
        return not term.parts[0].template.isdigit()
    core = term
    while core.parts and (re.fullmatch(r"\{0\}(\.T|\[[^{]*\])", core.template) or core.template == "-{0}"):
        core = core.parts[0]
    return bool(core.parts) and core is term


def assignment(name: str, text: str) -> list[str]:
    """``name = text`` as lines."""
    line = f"{name} = {text}"
    if len(line) + 4 <= _LONGEST_LINE:
        return [line]
    return [f"{name} = (", f"    {text}", ")"]


def returned(text: str) -> list[str]:
    """``return text`` as lines."""
    if len(text) + 11 <= _LONGEST_LINE:
        return [f"return {text}"]
    return ["return (", f"    {text}", ")"]
