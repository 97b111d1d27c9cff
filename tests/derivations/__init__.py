"""Identities of matrix calculus, as data, and the tests of their prints and numbers."""
