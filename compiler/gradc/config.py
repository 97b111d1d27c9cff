"""Settings: from the environment, read when they are asked for, and the number of threads.

====================  ========================================================================================
``GRADC_DEBUG``       1..5: print what each stage did (1: times; 2: the simplified graph; 3: the traced and the
                      differentiated one too; 4: the loops and what they cost; 5: the LLVM assembly)
``GRADC_DUMP_TO``     a folder that gets each stage of each kernel as a file
``GRADC_CHECK``       1: check the graph between all passes, and kernels against the reference evaluator
``GRADC_NUM_THREADS`` how many threads a kernel may use, until `set_num_threads`; by default the cores of this process
``GRADC_TARGET``      make code for a lesser processor than this one: ``x86-64-v4`` (AVX-512), ``x86-64-v3`` (AVX2 and
                      FMA), ``x86-64-v2`` or ``x86-64`` (SSE2); read once, when the first kernel is compiled
====================  ========================================================================================
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from gradc.errors import ArgumentError, SettingError

if TYPE_CHECKING:
    from pathlib import Path


def debug_level() -> int:
    """How much is printed: 0 is nothing."""
    text = os.environ.get("GRADC_DEBUG", "0")
    return int(text) if text.isdigit() else 0


def dump_folder() -> Path | None:
    """Where the stages are written, if anywhere."""
    text = os.environ.get("GRADC_DUMP_TO", "")
    if not text:
        return None
    from pathlib import Path  # only here: it costs more than the rest of `import gradc` may

    return Path(text)


def set_num_threads(count: int) -> None:
    """Let kernels use up to ``count`` threads, the calling one included; the results are the same for any number.

    >>> import gradc
    >>> before = gradc.get_num_threads()
    >>> gradc.set_num_threads(2)
    >>> gradc.get_num_threads()
    2
    >>> gradc.set_num_threads(before)
    """
    from gradc_runtime import threads

    try:
        threads.set_num_threads(count)
    except threads.ThreadCountError as error:
        raise SettingError(str(error)) from None
    except TypeError as error:
        raise ArgumentError(str(error)) from None


def get_num_threads() -> int:
    """How many threads a kernel may use: at first, ``GRADC_NUM_THREADS`` or the number of cores this process may run on."""
    from gradc_runtime import threads

    try:
        return threads.get_num_threads()
    except threads.ThreadCountError as error:
        raise SettingError(str(error)) from None


def checking() -> bool:
    """Whether kernels certify themselves."""
    return os.environ.get("GRADC_CHECK", "") not in ("", "0")
