"""Derivations told step by step (`derivation_of`): what a tutor writes on the page, every line checked by numbers."""

from gradc.present.steps.derivation import Derivation, Line, Side, Step
from gradc.present.steps.page import Result, derivation_of
from gradc.present.steps.tell import Detail, Mode

__all__ = ["Derivation", "Detail", "Line", "Mode", "Result", "Side", "Step", "derivation_of"]
