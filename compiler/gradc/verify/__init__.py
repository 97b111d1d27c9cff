"""Checking a hand derivation: proofs, numerical agreement, counterexamples and hints; formulas given as text."""
