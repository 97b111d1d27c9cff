"""Derivations by hand: how many wrong ones are refuted with the right hint, how many right ones are proved.

The derivations themselves are data of the tests, and read from there.
"""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2] / "tests"))
