"""What random programs are made of: templates by the number and rank of their operands.

Every template is smooth wherever its margin says so; the generator tries templates until one fits the values at hand.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from random_programs import Program, Statement, Values

UNARY = """
np.sin({a})
np.cos({a})
np.tanh({a})
np.arctan({a})
np.arcsinh({a})
np.exp(0.3 * {a})
np.exp(-({a} ** 2))
np.expm1(0.2 * {a})
np.sinh(0.3 * {a})
np.cosh(0.3 * {a})
np.log(1.5 + {a} ** 2)
np.log1p({a} ** 2)
np.sqrt(1.0 + {a} * {a})
np.cbrt(2.0 + {a} ** 2)
np.logaddexp({a}, 0.5)
np.hypot({a}, 1.5)
np.arctan2({a}, 2.0)
np.reciprocal(2.0 + {a} * {a})
np.square({a})
np.log(1.0 + np.exp({a}))
1.0 / (1.0 + np.exp(-{a}))
np.exp({a} - np.max({a})) / 2.0
(1.2 + {a} ** 2) ** 0.7
(1.2 + {a} ** 2) ** -1.5
2.0 ** (0.3 * {a})
{a} ** 2
{a} ** 3 / 5
{a} ** 0
-{a}
{a} - 0.25
1 - {a}
2 * {a}
0.5 * {a} * {a}
{a} / 3
{a} / (1.0 + {a} ** 2)
np.pi * {a} / 4
np.arcsin({a} / (1.5 + {a} ** 2))
np.log2(1.5 + {a} ** 2)
np.exp2(0.2 * {a})
np.zeros_like({a}) + {a}
np.ones_like({a}) * {a}
{a}.copy()
np.positive({a}) + abs({a} * {a})
np.where({a} ** 2 > -1.0, {a}, np.log({a}))
{a} * SCALE
helper({a}) + {a}
{a}[..., None] * OFFSETS
({a} * 0.0) ** 3 + {a}
(0.0 * {a}) ** 2 * {a}
np.nan_to_num({a})
np.clip({a}, -30.0, 30.0)
np.sinc({a} / 3)
{a}.__class__ is float and {a} or {a} * 1
(lambda u: u * u - u)({a})
np.multiply(*[{a}, 0.5])
""".strip().splitlines()

BROADCAST = """
{a} + {b}
{a} - {b}
{a} * {b}
{a} / (1.0 + {b} ** 2)
np.hypot({a}, 1.0 + {b} ** 2)
np.logaddexp({a}, {b})
np.arctan2({a}, 1.0 + {b} ** 2)
(1.1 + {a} ** 2) ** (0.3 * {b})
np.sin({a}) * np.cos({b})
np.add({a}, {b}) * np.subtract({a}, {b})
np.true_divide({a}, 2.0 + np.cos({b}))
""".strip().splitlines()

#: Template and how far it is from its kink.
KINKED_UNARY = [
    ("np.abs({a})", "np.abs({a})"),
    ("abs({a}) ** 1.5", "np.abs({a})"),
    ("np.maximum({a}, 0.0)", "np.abs({a})"),
    ("np.minimum(0.5, {a})", "np.abs({a} - 0.5)"),
    ("np.clip({a}, -0.5, 0.75)", "np.minimum(np.abs({a} + 0.5), np.abs({a} - 0.75))"),
    ("np.where({a} > 0, np.sin({a}), 2.0 * {a})", "np.abs({a})"),
    ("np.where({a} > 0, np.log(np.where({a} > 0, {a}, 1.0)), 0.0)", "np.abs({a})"),
    ("np.where({a} > 0.0, np.sqrt({a}), {a} ** 2)", "np.abs({a})"),
    ("({a} > 0) * {a}", "np.abs({a})"),
    ("np.sign({a}) * {a} ** 2", "np.abs({a})"),
    ("np.max({a})", "gap({a})"),
    ("np.min({a})", "gap({a})"),
    ("{a}.max()", "gap({a})"),
    ("{a} - np.floor({a})", "np.minimum({a} - np.floor({a}), np.ceil({a}) - {a})"),
    ("{a} % 0.9", "np.minimum({a} % 0.9, 0.9 - {a} % 0.9)"),
]
KINKED_BROADCAST = [
    ("np.maximum({a}, {b})", "np.abs({a} - {b})"),
    ("np.minimum({a}, {b})", "np.abs({a} - {b})"),
    ("np.where({a} > {b}, {a} * {b}, {b})", "np.abs({a} - {b})"),
    ("np.where({a} <= {b}, np.exp(0.2 * {a}), {b})", "np.abs({a} - {b})"),
    ("np.fmax({a}, {b}) + 0.1", "np.abs({a} - {b})"),
]
REDUCTIONS = """
np.sum({a})
np.mean({a})
{a}.sum()
{a}.mean()
np.prod(1.0 + 0.1 * {a})
np.sqrt(np.sum({a} ** 2) + 1.0)
np.var({a})
np.std(np.append(np.ravel({a}), 3.0))
np.log(np.sum(np.exp({a})))
np.dot(np.ravel({a}), np.ravel({a}))
np.linalg.norm({a} + 4.0)
np.average({a})
np.ptp({a} * 0.0 + 1.0) + np.sum({a})
""".strip().splitlines()
AXIS_REDUCTIONS = """
np.sum({a}, axis={k})
np.sum({a}, axis={k}, keepdims=True)
np.mean({a}, axis={k})
{a}.mean(axis={k}, keepdims=True)
{a}.sum({k})
np.prod(1.0 + 0.1 * {a}, axis={k})
np.cumsum({a}, axis={k})
np.var({a}, axis={k})
np.flip({a}, axis={k})
np.roll({a}, 1, axis={k})
np.repeat({a}, 2, axis={k})
np.diff({a}, axis={k})
np.cumprod(1.0 + 0.1 * {a}, axis={k})
np.expand_dims({a}, {k})
np.moveaxis({a}, {k}, 0)
np.log(np.sum(np.exp({a}), axis={k}, keepdims=True))
np.exp({a}) / np.sum(np.exp({a}), axis={k}, keepdims=True)
np.concatenate([{a}, {a} ** 2], axis={k})
np.stack([{a}, -{a}], axis={k})
np.take({a}, [0, -1, 0], axis={k})
""".strip().splitlines()
KINKED_AXIS = [
    ("np.max({a}, axis={k})", "gap({a}, {k})"),
    ("np.min({a}, axis={k}, keepdims=True)", "gap({a}, {k})"),
    ("{a} - {a}.max(axis={k}, keepdims=True)", "gap({a}, {k})"),
    ("np.maximum.reduce({a}, axis={k})", "gap({a}, {k})"),
]
VECTOR = """
{a}[::-1]
{a}[1:] - {a}[:-1]
{a}[::2]
{a}[1::2]
{a}[-1]
{a}[0] * {a}
{a}[-2:]
{a}[::-2]
{a}[None, :]
{a}[:, None]
{a}[:, np.newaxis] * {a}
np.outer({a}, {a})
np.diag({a})
np.array([{a}[0], {a}[-1] ** 2, 1.5])
np.array([[{a}[0], 0.0], [{a}[-1], 1.0]])
np.stack([{a}, np.sin({a})])
np.concatenate([{a}, {a}[:1]])
np.concatenate([{a}[1:], np.array([0.5])])
np.tile({a}, 2)
np.pad({a}, (1, 2))
{a}[np.array([0, -1, 0])]
{a}[[1, 0]]
np.broadcast_to({a}, (2, len({a})))
np.dot({a}, np.arange(len({a})) * 0.1)
np.convolve({a}, np.array([0.2, 0.5]))
np.sum([{a}[k] * {a}[k - 1] for k in range(len({a}))])
sum({a}[k] ** 2 for k in range(1, len({a})))
np.linspace(0.0, 1.0, len({a})) * {a}
np.polyval(np.array([0.2, 0.1, 1.0]), {a})
np.interp(0.5, [0.0, 1.0], [0.0, 1.0]) * {a}
{a}[PICK]
np.take({a}, PICK)
{a}[PICK] * {a}[PICK[::-1]]
{a}[np.abs(PICK)][1:]
np.prod(np.concatenate([{a}, {a}[:1] * 0.0]))
np.prod({a} - {a}[0])
np.cumsum({a})[::-1]
np.trapezoid({a})
np.append({a}, OFFSETS)
np.convolve({a}, OFFSETS, 'valid')
np.outer({a}, OFFSETS)
np.vander({a}, 3)
np.einsum('i,j,k->ijk', {a}[:2], {a}[:2], OFFSETS)
np.ediff1d({a})
np.array([row for row in {a}])
np.sum({a}[:, None] * {a}[None, :] * np.eye(len({a})), axis=1)
np.meshgrid({a}, {a})[0]
max(len({a}), 2) * {a}
""".strip().splitlines()
MATRIX = """
{a}.T
np.transpose({a})
{a}[0]
{a}[:, 0]
{a}[-1, :] * 2.0
{a}[:, ::-1]
{a}[1:, :-1]
{a}[::-1, ::2]
{a}.ravel()
{a}.reshape(-1)
{a}.reshape({a}.shape[1], {a}.shape[0])
{a}.flatten()[1:]
{a}[..., 0]
{a}[None]
{a} @ {a}.T
{a}.T @ {a}
np.trace({a})
np.diag({a} @ {a}.T)
np.diagonal({a})
np.tril({a})
np.triu({a}, 1)
np.einsum('ij->ji', {a})
np.einsum('ij->j', {a})
np.einsum('ij,ij->i', {a}, {a})
np.einsum('ij,kj->ik', {a}, {a})
np.swapaxes({a}, 0, 1)
np.vstack([{a}, {a}[:1]])
np.hstack([{a}, {a}])
np.column_stack([{a}[:, 0], {a}[:, -1]])
np.array([{a}[0, 0], {a}[-1, -1] * {a}[0, -1]])
{a}[np.arange(2), [0, 1]]
{a}[[0, 1, 1]]
np.sum({a} * np.eye({a}.shape[0], {a}.shape[1]))
np.kron({a}[:1, :1], {a})
{a}[PICK]
{a}[:, PICK]
{a}[PICK, 0]
{a}[np.ix_([0, 1], [1, 0])]
np.sum({a}, axis=(0, 1))
np.mean({a}, axis=(0, 1), keepdims=True)
np.linalg.norm({a} + 4.0, axis=1)
np.fliplr({a})
np.rot90({a})
np.squeeze({a}[:1])
np.einsum('ij,kj,il->kl', {a}, {a}, {a})
np.einsum('ij->', {a} * {a})
np.linalg.multi_dot([{a}, {a}.T, {a}])
np.cumsum({a})
np.sum([np.outer(row, row) for row in {a}], axis=0)
np.concatenate({a})
np.block([[{a}, {a}], [{a} * 2, {a}]])
np.array([[np.sum({a}), 1.0], [2.0, {a}[0, 0]]])
{a}[::-1].T[1:].ravel()
""".strip().splitlines()
PAIRS = """
{a} @ {b}
np.dot({a}, {b})
np.matmul({a}, {b})
np.outer({a}, {b})
np.inner({a}, {b})
np.tensordot({a}, {b}, 1)
np.einsum('i,i->', {a}, {b})
np.einsum('i,j->ij', {a}, {b})
np.einsum('ij,j->i', {a}, {b})
np.einsum('ij,j->ij', {a}, {b})
np.einsum('ij,jk->ik', {a}, {b})
np.einsum('ij,ij->', {a}, {b})
np.einsum('ji,j', {a}, {b})
{a}.T @ {b}
np.concatenate([{a}, {b}])
np.stack([{a}, {b}])
np.vdot({a}, {b})
np.concatenate([{a}, {b}], axis=-1)
np.append({a}, {b})
""".strip().splitlines()
BLOCKS = [
    "{o} = {a}.copy()\n{o}[0] = 0.5",
    "{o} = {a}.copy()\n{o}[1:] = {a}[:-1]",
    "{o} = {a}.copy()\n{o}[::2] *= 2.0",
    "{o} = {a} * 1.0\n{o}[-1] += {o}[0]",
    "{o} = {a}.copy()\n{o} += np.sin({a})",
    "{o} = {a} + 0.0\n{o} *= {a}\n{o} -= 1.0",
    "{o} = {a}.copy()\n{o}_view = {o}[1:]\n{o}_view *= 3.0",
    "{o} = np.array({a})\n{o}_view = {o}[::-1]\n{o}_view[0] = 1.0\n{o}_view += 0.5",
    "{o} = np.zeros(len({a}))\nfor k in range(len({a})):\n    {o}[k] = np.sum({a}[k]) * (k + 1)",
    "{o} = np.zeros({a}.shape)\n{o}[:] = {a}\n{o}[0] = {o}[-1] * {o}[0]",
    "{o} = np.empty({a}.shape)\n{o}[...] = np.cos({a})",
    "{o} = np.ones_like({a})\n{o}[1:] = {a}[1:] ** 2\n{o}[:1] -= {a}[:1]",
    "{o} = 0.0\nfor k in range(len({a})):\n    {o} = {o} + np.sum({a}[k]) * 0.5",
    "{o} = {a}\nfor k in range(3):\n    {o} = np.sin({o}) + {a} * 0.5",
    "{o} = np.zeros((2, len({a})))\n{o}[0] = np.sum({a})\n{o}[1, 1:] = 0.25\n{o}[:, 0] += {a}.ravel()[0]",
    "{o} = {a}.copy()\n{o}[{o} > 0] = 0.5",
    "{o} = {a}.copy()\n{o}.ravel()[1:] = 0.25",
    "{o} = np.array([np.sum({a}), np.sum({a} ** 2), 1.0])",
    "{o} = {a}.copy()\n{o}[0], {o}[-1] = {a}[-1], {a}[0]",
    "{o} = {a}.copy()\n{o}[PICK] = 0.5",
    "{o} = {a}.copy()\n{o}[[0, 1]] += {a}[[1, 0]]",
    "{o} = np.zeros(np.shape({a}) + (2,))\n{o}[..., 0] = {a}\n{o}[..., 1] = helper({a})",
    "{o} = {a}.copy()\n{o}_first = {o}[0]\n{o}[0] = 2.0 * {o}_first + 1.0",
    "{o} = np.full_like({a}, 0.5)\nfor k in range(1, len({a})):\n    {o}[k] = 0.5 * {o}[k - 1] + {a}[k]",
    "{o} = {a} * 1.0\nwhile np.ndim({o}) > 1:\n    {o} = {o}.sum(axis=0)",
    "{o} = {a}\nif np.ndim({o}) > 0:\n    {o} = {o}[0] + {o}[-1]",
    "def {o}_inner(u):\n    return u * SCALE + {a}\n{o} = {o}_inner(np.sin({a}))",
    "{o} = []\nfor row in {a}:\n    {o}.append(np.sum(row) ** 2)\n{o} = np.array({o})",
]
PAIR_BLOCKS = [
    "{o} = {a}.copy()\n{o}[1:] += {b}",
    "{o} = {a}.copy()\n{o}[0] = {b}",
    "{o} = {a} * 1.0\n{o} += {b}",
    "{o} = {a}.copy()\n{o}[...] = {b}\n{o}[0] *= 2.0",
    "{o} = np.zeros((2, *{a}.shape))\n{o}[0] = {a}\n{o}[1] = {b}",
]
_MASKED = {"{o} = {a}.copy()\n{o}[{o} > 0] = 0.5": "np.abs({a})"}

LARGEST_RESULT = 64

Candidate = tuple[str, str]


def _assigned(expression: str) -> str:
    return expression if "{o} =" in expression else "{o} = " + expression


def _axis_candidate(rng: np.random.Generator, rank: int, pool: list[Any]) -> Candidate:
    choice = pool[rng.integers(len(pool))]
    template, margin = choice if isinstance(choice, tuple) else (choice, "")
    axis = int(rng.integers(-rank, rank))
    return template.replace("{k}", str(axis)), margin.replace("{k}", str(axis))


def _unary(rng: np.random.Generator, value: Any) -> Candidate:
    rank = np.ndim(value)
    pools: list[tuple[float, Callable[[], Candidate]]] = [
        (3, lambda: (rng.choice(UNARY), "")),
        (1, lambda: KINKED_UNARY[rng.integers(len(KINKED_UNARY))]),
    ]
    if rank:
        pools += [
            (1, lambda: (rng.choice(REDUCTIONS), "")),
            (1.5, lambda: _axis_candidate(rng, rank, AXIS_REDUCTIONS)),
            (0.5, lambda: _axis_candidate(rng, rank, KINKED_AXIS)),
            (1.5, lambda: _block(rng, BLOCKS)),
        ]
    if rank == 1:
        pools.append((2, lambda: (rng.choice(VECTOR), "")))
    if rank == 2:
        pools.append((2, lambda: (rng.choice(MATRIX), "")))
    weights = np.array([weight for weight, _ in pools])
    return pools[rng.choice(len(pools), p=weights / weights.sum())][1]()


def _block(rng: np.random.Generator, pool: list[str]) -> Candidate:
    template = pool[rng.integers(len(pool))]
    return template, _MASKED.get(template, "")


def _binary(rng: np.random.Generator, first: Any, second: Any) -> Candidate:
    pick = rng.random()
    if min(np.ndim(first), np.ndim(second)) > 0 and pick < 0.45:
        return str(rng.choice(PAIRS)), ""
    if np.ndim(first) > 0 and pick < 0.6:
        return _block(rng, PAIR_BLOCKS)
    if pick < 0.75:
        return KINKED_BROADCAST[rng.integers(len(KINKED_BROADCAST))]
    return str(rng.choice(BROADCAST)), ""


def _inputs(rng: np.random.Generator) -> tuple[tuple[str, Any], ...]:
    n, m = int(rng.integers(2, 5)), int(rng.integers(2, 4))
    shapes: list[tuple[int, ...]] = [(), (n,), (m,), (m, n), (n, n), (1, n), (n, 1), (2, m, 2)]
    likely = np.array([1, 4, 1, 3, 2, 0.5, 0.5, 0.5])
    count = int(rng.integers(1, 4))
    chosen = [shapes[k] for k in rng.choice(len(shapes), count, p=likely / likely.sum())]
    values = [np.round(rng.uniform(-1.6, 1.6, shape), 3) for shape in chosen]
    return tuple((name, value if np.ndim(value) else float(value)) for name, value in zip("xyz", values, strict=False))


def random_program(seed: int, length: int = 9) -> Program:
    """The program of this seed, with up to ``length`` statements."""
    rng = np.random.default_rng([7, seed])
    inputs = _inputs(rng)
    values: Values = dict(inputs)
    statements: list[Statement] = []
    wanted = int(rng.integers(2, length + 1))
    for _ in range(wanted * 12):
        if len(statements) == wanted:
            break
        names = list(values)
        recent = np.array([1.0 + k**1.5 for k in range(len(names))])
        first, second = rng.choice(names, 2, p=recent / recent.sum())
        binary = rng.random() < 0.4
        template, margin = _binary(rng, values[first], values[second]) if binary else _unary(rng, values[first])
        operands = (str(first), str(second)) if binary else (str(first),)
        statement = Statement(f"v{len(statements)}", _assigned(str(template)), operands, margin)
        trial = dict(values)
        if statement.run(trial) and np.size(trial[statement.target]) <= LARGEST_RESULT:
            values = {name: trial[name] for name in [*names, statement.target]}
            statements.append(statement)
    result = statements[-1].target if statements else inputs[0][0]
    return Program(inputs, tuple(statements), result, f"seed {seed}")._used()
