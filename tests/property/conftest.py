"""The generator is a module of its own beside its tests; it also runs alone: ``python tests/property/runner.py``."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
