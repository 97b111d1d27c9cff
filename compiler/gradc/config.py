"""Settings from the environment, read when they are asked for.

====================  ========================================================================================
``GRADC_DEBUG``       1..5: print what each stage did (1: times; 2: the simplified graph; 3: the traced and the
                      differentiated one too; 4: the loops; 5: the LLVM assembly)
``GRADC_DUMP_TO``     a folder that gets each stage of each kernel as a file
``GRADC_CHECK``       1: check the graph between all passes, and kernels against the reference evaluator
====================  ========================================================================================
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def debug_level() -> int:
    """How much is printed: 0 is nothing."""
    text = os.environ.get("GRADC_DEBUG", "0")
    return int(text) if text.isdigit() else 0


def dump_folder() -> Path | None:
    """Where the stages are written, if anywhere."""
    from pathlib import Path  # only here: it costs more than the rest of `import gradc` may

    text = os.environ.get("GRADC_DUMP_TO", "")
    return Path(text) if text else None


def checking() -> bool:
    """Whether kernels certify themselves."""
    return os.environ.get("GRADC_CHECK", "") not in ("", "0")
