"""Hostile files: every reader must accept a file or refuse it with a documented error.

    python -m benchmarks.fuzz --inputs 2000                     every format, plainly and with bounds checks
    python -m benchmarks.fuzz --formats fingerprint --seconds 60
    python -m benchmarks.fuzz --replay fingerprint:0:17         one input, with its traceback

`harness` reads inputs of a format in a process of their own, with limits, and counts the outcomes; `mutators` make
damage without sense, and hostile values at every place of a valid file; `registry` names the formats, each with a
module that makes inputs and reads them; `measurement` is the part `fuzz` of the benchmarks.
"""

from benchmarks.fuzz.measurement import PART

__all__ = ["PART"]
