"""Derivations by hand: how many wrong ones are refuted with the right hint, how many right ones are proved."""
