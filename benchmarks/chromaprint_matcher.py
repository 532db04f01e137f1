"""Chromaprint fingerprints, our matcher: fpcalc makes fingerprints and has no index of its own.

A Chromaprint fingerprint is one 32-bit number per 0.124 s. The way to search for a short excerpt among such numbers is
that of Haitsma and Kalker ("A highly robust audio fingerprinting system", ISMIR 2002): a number of the query that
occurs in a reference, exactly, proposes an alignment; of the alignments with most proposals, the one whose bits agree
best with the query is the answer. The score is the share of bits that agree over the overlap, 0.5 for unrelated music.
Searching for every number with each of its bits flipped, too, finds alignments where no number survived whole.

A stand-in for the matcher that a user of Chromaprint would have to write, as plain as possible; not AcoustID's server.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from benchmarks.peer_run import Answer

__all__ = ["FRAME_SECONDS", "BitMatcher"]

Numbers = NDArray[np.uint32]

FRAME_SECONDS = 1365 / 11025
"""Chromaprint's step: a third of its window of 4096 samples at 11025 Hz."""

ALIGNMENTS = 30
"""Alignments per query that are compared bit by bit."""

LEAST_OVERLAP = 0.5
"""Share of the query that must lie within the reference."""


@dataclass(frozen=True, slots=True, eq=False)
class BitMatcher:
    """Fingerprints of all references, and where each number occurs in them.

    Attributes
    ----------
    names : tuple of str
        References.
    starts : ndarray [shape=(n_references + 1,), dtype=int64]
        Where each begins in `numbers`.
    numbers : ndarray [shape=(n,), dtype=uint32]
        Fingerprints of all references, one after the other.
    order : ndarray [shape=(n,), dtype=int64]
        Positions in `numbers` by ascending number.
    """

    names: tuple[str, ...]
    starts: NDArray[np.int64]
    numbers: Numbers
    order: NDArray[np.int64]

    @classmethod
    def of(cls, fingerprints: Mapping[str, Numbers]) -> Self:
        """Index fingerprints by name."""
        sizes = [len(numbers) for numbers in fingerprints.values()]
        joined = np.concatenate([np.empty(0, np.uint32), *fingerprints.values()])
        order = np.argsort(joined, kind="stable")
        return cls(tuple(fingerprints), np.cumsum([0, *sizes]).astype(np.int64), joined, order)

    @property
    def n_bytes(self) -> int:
        """Bytes that an index of this kind needs: the numbers, and a 32-bit position for each."""
        return 8 * len(self.numbers)

    def search(self, name: str, query: Numbers, *, flipped: bool = False, most: int = 5) -> list[Answer]:
        """Return the references that agree best with a query, one alignment each, best first.

        Parameters
        ----------
        name : str
            Name of the query.
        query : ndarray [shape=(m,), dtype=uint32]
            Its fingerprint.
        flipped : bool
            Look for numbers that differ in one bit too; finds more and takes 33 times the look-ups.
        most : int
            References at most.
        """
        if not len(query) or not len(self.numbers):
            return []
        best: dict[int, tuple[float, int]] = {}
        for reference, shift in self._alignments(query, flipped=flipped):
            score = self._agreement(query, reference, shift)
            if score > best.get(reference, (0.0, 0))[0]:
                best[reference] = (score, shift)
        ranked = sorted(best.items(), key=lambda item: (-item[1][0], item[0]))[:most]
        return [
            Answer(name, self.names[reference], shift * FRAME_SECONDS, score) for reference, (score, shift) in ranked
        ]

    def _alignments(self, query: Numbers, *, flipped: bool) -> list[tuple[int, int]]:
        """Return (reference, frame of it at which the query starts), most proposals first."""
        flips = [0, *(1 << bit for bit in range(32))] if flipped else [0]
        asked = (query[:, None] ^ np.array(flips, dtype=np.uint32)).reshape(-1)
        at_query = np.repeat(np.arange(len(query)), len(flips))
        ascending = self.numbers[self.order]
        first, last = (np.searchsorted(ascending, asked, side=side) for side in ("left", "right"))
        counts = last - first
        inside = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        places = self.order[np.repeat(first, counts) + inside]
        reference = np.searchsorted(self.starts, places, side="right") - 1
        shift = places - self.starts[reference] - np.repeat(at_query, counts)
        proposals, votes = np.unique(np.stack([reference, shift]), axis=1, return_counts=True)
        chosen = np.argsort(-votes, kind="stable")[:ALIGNMENTS]
        return [(int(proposals[0, i]), int(proposals[1, i])) for i in chosen]

    def _agreement(self, query: Numbers, reference: int, shift: int) -> float:
        """Return the share of bits that agree where query and reference overlap; 0 where that is too little."""
        known = self.numbers[self.starts[reference] : self.starts[reference + 1]]
        first, last = max(0, -shift), min(len(query), len(known) - shift)
        if last - first < LEAST_OVERLAP * len(query):
            return 0.0
        different = np.bitwise_count(query[first:last] ^ known[first + shift : last + shift])
        return 1.0 - float(different.sum()) / (32 * (last - first))
