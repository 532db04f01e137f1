"""The search for works: windows of a track against windows of recordings, whatever key, tempo and instruments.

It knows nothing of storage. Its public face:

    search_works(describe_track(samples), [RecordedWork("id", describe(samples)), ...])

In reading order:

search      all steps, from the windows of a track to the works that it plays
evidence    how much a pair of windows speaks for the same passage; the best alignment in each key
passages    the alignment followed back: spans, transposition, tempo
decision    the probability by chance, from the query's own runners-up; claim, review or silence
cohort      loops of common progressions that every search is run against (cohort.npz)
_kernels    inner loops
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from index.composition.decision import ChanceOfWork
    from index.composition.evidence import EvidenceRule
    from index.composition.passages import WorkPassage
    from index.composition.search import RecordedWork, WorkMatch, search_works
else:

    def __getattr__(name: str) -> Any:
        for home, names in _HOMES.items():
            if name in names:
                return getattr(importlib.import_module(f"index.composition.{home}"), name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = ["ChanceOfWork", "EvidenceRule", "RecordedWork", "WorkMatch", "WorkPassage", "search_works"]

_HOMES = {
    "decision": ("ChanceOfWork",),
    "evidence": ("EvidenceRule",),
    "passages": ("WorkPassage",),
    "search": ("RecordedWork", "WorkMatch", "search_works"),
}
