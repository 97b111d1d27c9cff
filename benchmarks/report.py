"""The report: markdown tables of ratios, all from one run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from benchmarks.machine import Peaks
from benchmarks.measure import Row, Target
from benchmarks.systems import ORDER, PEERS


def duration(seconds: float) -> str:
    """Seconds in a unit that reads well."""
    for unit, scale in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if seconds >= scale:
            return f"{seconds / scale:.3g} {unit}"
    return f"{seconds / 1e-9:.3g} ns"


def ratio(value: float) -> str:
    """A factor with two significant digits."""
    return f"{value:.2g}x" if value < 99.5 else f"{round(value, -1 if value < 1000 else -2):,.0f}x"


def _markdown(header: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    rule = "|---" * len(header) + "|"
    return "\n".join([f"| {' | '.join(header)} |", rule, *(f"| {' | '.join(cells)} |" for cells in lines)])


def table(rows: Sequence[Row], systems: Sequence[str]) -> str:
    """gradc's time, then every other system's as a multiple of it: above 1 gradc is faster."""
    columns = [system for system in ORDER if system in systems]
    timed = [row for row in rows if row.seconds]
    return _markdown(["", *columns], [[row.title, *(_cell(row, system) for system in columns)] for row in timed])


def _cell(row: Row, system: str) -> str:
    if system not in row.seconds:
        return "-"
    own = row.seconds.get("gradc")
    if system == "gradc" or own is None:
        each = f" ({duration(row.seconds[system] / row.items)} each)" if row.items > 1 else ""
        return duration(row.seconds[system]) + each
    return ratio(row.seconds[system] / own)


def summary(rows: Sequence[Row]) -> str:
    """The headlines: gradc beside what is written by hand, and beside the fastest of the other systems."""
    lines = []
    for row in rows:
        if row.headline and "gradc" in row.seconds:
            by_hand = next((name for name in ("C", "NumPy") if name in row.seconds), None)
            others = sorted((row.seconds[name], name) for name in PEERS if name in row.seconds)
            cells = [_named(row, by_hand), _named(row, others[0][1] if others else None)]
            lines.append([row.title, _cell(row, "gradc"), *cells, _cell(row, "jax"), _cell(row, "torch")])
    return _markdown(["", "gradc", "by hand", "fastest other system", "jax", "torch"], lines)


def _named(row: Row, system: str | None) -> str:
    return "-" if system is None else f"{_cell(row, system)} ({system})"


def targets(rows: Sequence[Row], peaks: Peaks | None) -> str:
    """Each target: gradc's time, the machine's floor, the reference, how many times the reference gradc takes."""
    lines = []
    for row in rows:
        own = row.seconds.get("gradc")
        for target in row.targets:
            reference = row.seconds.get(target.reference, 0.0) if target.reference else 1.0
            if own is None or not reference:
                continue
            floor = peaks.floor(row) if peaks else 0.0
            lines.append(
                [
                    row.title,
                    _cell(row, "gradc"),
                    duration(floor) if floor else "-",
                    f"{target.reference}: {duration(reference)}" if target.reference else "",
                    ratio(own / reference) if target.reference else duration(own),
                    _limit(target),
                    "yes" if own / reference <= target.limit else "no",
                ]
            )
    return _markdown(["", "gradc", "floor", "reference", "gradc / reference", "at most", "met"], lines)


def _limit(target: Target) -> str:
    return f"{target.limit:.3g}x" if target.reference else duration(target.limit)


def remarks(rows: Sequence[Row], missing: Mapping[str, str]) -> list[str]:
    """Why cells are empty, and times of what has no column."""
    return (
        [f"{system}: {why}" for system, why in missing.items()]
        + [f"{row.title}, {system}: {why}" for row in rows for system, why in row.notes.items()]
        + [
            f"{row.title}: {system} {duration(seconds)}"
            for row in rows
            for system, seconds in row.seconds.items()
            if system not in ORDER
        ]
    )
