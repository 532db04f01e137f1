"""Hub recordings, which are near everything: their matches have to clear a higher bar.

A *hub* is a recording that turns up among the neighbours of other recordings' landmarks much more often than its share
of landmarks would have it (Radovanovic, Nanopoulos and Ivanovic, JMLR 2010). Chance alignments with a hub are more
frequent by the same factor, so the rate of chance is multiplied by it in the decision on a hub's passage
(`index.search.significance.ChanceModel.times`): a higher threshold, no exclusion. A long, exact use of the hub itself
still clears it.

`index.folder.hub_scores` finds hubs; this module stores them, in a JSON file that the manifest names.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from fingerprint.digests import canonical_json
from fingerprint.errors import IndexDamagedError
from index.storage.durable import sync_folder, write_chunks
from index.storage.manifest import HubsEntry

__all__ = ["Hub", "hubs_name", "read_hubs", "write_hubs"]

_MOST_COUNT = 1 << 48  # neighbours and landmarks: no index has so many
_MOST_SCORE = 1e30  # rates of chance times this are still numbers


@dataclass(frozen=True, slots=True)
class Hub:
    """How much more often than by its size a recording is a neighbour.

    Attributes
    ----------
    score : float
        Times it was one, over times to be expected from its share of the landmarks; above 10.
    bound : float
        Lower confidence bound of the score.
    neighbours : int
        Times it was a neighbour of the landmarks asked, capped per recording.
    sample : int
        Landmarks asked, those of all recordings together.
    """

    score: float
    bound: float
    neighbours: int
    sample: int

    def __post_init__(self) -> None:
        counts = (self.neighbours, self.sample)
        is_measured = all(type(value) in (int, float) for value in (self.score, self.bound))
        is_counted = all(type(value) is int and 0 < value <= _MOST_COUNT for value in counts)
        if not (is_measured and is_counted and 0 < self.bound <= self.score <= _MOST_SCORE):
            raise ValueError(f"{self!r:.200}: not the figures of a hub")


def hubs_name(number: int) -> str:
    """Return the file name of the hubs with a number from the manifest's count."""
    return f"hubs-{number:06d}.json"


def write_hubs(path: Path, hubs: Mapping[str, Hub], computed_at: int) -> HubsEntry:
    """Write a new file of hubs and return its entry for the manifest.

    Parameters
    ----------
    path : Path
        `hubs_name` in the index folder.
    hubs : mapping
        By recording id.
    computed_at : int
        Live landmarks the index had when they were computed.

    Raises
    ------
    StorageFullError
        If the disk is full.
    CatalogueError
        If the system refuses otherwise.
    """
    file = write_chunks(path, [canonical_json({name: asdict(hub) for name, hub in hubs.items()})])
    sync_folder(path.parent)
    return HubsEntry(path.name, computed_at, file)


def read_hubs(path: Path) -> dict[str, Hub]:
    """Return the hubs of a file that `write_hubs` wrote.

    Raises
    ------
    IndexDamagedError
        If it is not that.
    """
    try:
        return {name: Hub(**fields) for name, fields in json.loads(path.read_bytes()).items()}
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise IndexDamagedError(
            f"{path}: is not what was written; `sourceprint verify --repair` takes it out, and it is computed again",
            path=path,
            fault="is not what was written",
        ) from error
