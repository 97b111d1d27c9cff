"""Derivative rules that users give: what a kept call's policy ``custom:<key>`` refers to."""

from __future__ import annotations

from dataclasses import dataclass

from gradc.ir.intern import digest_of
from gradc.ir.tensor import Graph

PREFIX = "custom:"
#: What the policy of calls begins with, inside the graphs of a rule, that have this very rule; the number of arguments follows.
_SELF = PREFIX + "^"


@dataclass(frozen=True, eq=False)
class CustomRule:
    """The rule of one call, as graphs.

    ``pushforward`` takes the operands and a tangent per argument, and gives a tangent per result. ``residuals`` takes the
    operands; ``pullback`` takes what is captured, the residuals and a cotangent per result, and gives a cotangent per argument.
    """

    name: str
    #: how many of the operands are arguments; the others are what the function captures
    arguments: int
    pushforward: Graph | None = None
    residuals: Graph | None = None
    pullback: Graph | None = None


#: by content: a function that is traced again enters the same rule
_rules: dict[str, CustomRule] = {}


def entered(rule: CustomRule) -> str:
    """The policy of calls that have this rule."""
    graphs = (rule.pushforward, rule.residuals, rule.pullback)
    key = digest_of(rule.name.encode(), *[b"-" if g is None else g.digest for g in graphs]).hex()[:32]
    _rules.setdefault(key, rule)
    return PREFIX + key


def rule_of(policy: str) -> CustomRule:
    """The rule behind a policy."""
    return _rules[policy.removeprefix(PREFIX)]


def own_policy(arguments: int) -> str:
    """The policy of calls of a function inside the graphs of its own rule."""
    return f"{_SELF}{arguments}"


def is_own(policy: str) -> bool:
    """Whether a call has the rule that it stands in."""
    return policy.startswith(_SELF)


def argument_count(policy: str) -> int:
    """How many of the operands of a call are arguments."""
    return int(policy.removeprefix(_SELF)) if is_own(policy) else rule_of(policy).arguments
