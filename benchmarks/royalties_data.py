"""A synthesised catalogue of rights, of any size, for the benchmark of rights and money.

A `Catalogue` has a seed and a number of recordings; every record follows from these and its own number, so that rows
are written as they are made and nothing is held in memory. Of n recordings there are 0.9 n works and exactly 4 n
shares: 1.1 n of masters, 2.9 n of rights in works. Faults and oddities of real catalogues are there in known numbers:
covers, medleys, samples, two owners of one master, shares that hold in some territories only, shares that sum to more
or to less than the whole.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from fingerprint.errors import ParameterError
from sourceprint.identifiers.codes import mod_101, weighted

__all__ = ["LICENCES", "LICENSEE", "Catalogue", "Row", "count_of", "index_id", "isrc", "recording_id", "work_id"]

LICENSEE: Final = "P-GENERATOR"
LICENCES: Final = ("LIC-2025", "LIC-2026-A", "LIC-2026-B")
"""The first has run out; the others cover a tag each, of which the last allows less, and not everywhere."""
Row = tuple[str, ...]

_FIRST = ("Blue", "Electric", "Velvet", "Château", "Über", "Slow", "Golden", "Niña", "Żywy", "Last")
_SECOND = ("Harbour", "Skyline", "Motel", "Rêverie", "Signal", "Garden", "Carnival", "Ocean", "Straße", "Letter")
_ROLES = ("Composer", "MusicPublisher", "Lyricist")
_SPLITS = {1: ("100",), 2: ("62.5", "37.5"), 3: ("50", "33.3333", "16.6667")}
# Nine works have 29 shares: (writers and publishers with a mechanical share, with a performing share) of each.
_OWNERS = ((1, 1), (1, 1), (1, 1), (2, 2), (2, 2), (2, 2), (2, 2), (2, 2), (1, 2))


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The records of one synthesised catalogue, as the cells of the tables that `benchmarks.royalties_files` writes.

    Attributes
    ----------
    n_recordings : int
        A multiple of 10, at least 20.
    seed : int
    changed : bool
        Whether every hundredth recording has another title, as input for an import of changes.

    Examples
    --------
    >>> sum(1 for _ in Catalogue(50).master_shares()) + sum(1 for _ in Catalogue(50).work_shares())
    200
    """

    n_recordings: int
    seed: int = 0
    changed: bool = False

    def __post_init__(self) -> None:
        if self.n_recordings < 20 or self.n_recordings % 10:
            raise ParameterError(f"n_recordings={self.n_recordings}: must be a multiple of 10, at least 20")

    @property
    def n_works(self) -> int:
        """Number of works; the last recordings perform the first works again, as covers do."""
        return self.n_recordings * 9 // 10

    @property
    def n_labels(self) -> int:
        """Number of labels."""
        return max(5, self.n_recordings // 1000)

    @property
    def n_people(self) -> int:
        """Number of writers and publishers."""
        return max(20, self.n_recordings // 5)

    @property
    def counts(self) -> dict[str, int]:
        """How many records of each kind there are, by the name of their table in the schema."""
        n = self.n_recordings
        return {
            "party": 2 + self.n_labels + self.n_people,
            "recording": n,
            "work": self.n_works,
            "recording_work": n + count_of(n, 20, 7),
            "recording_part": count_of(n, 50, 3),
            "master_share": n * 11 // 10,
            "work_share": n * 29 // 10,
            "licence": len(LICENCES),
        }

    @property
    def n_changed(self) -> int:
        """How many records differ between the catalogue and its changed twin."""
        return count_of(self.n_recordings, 100, 5)

    @property
    def overclaimed(self) -> frozenset[str]:
        """Ids of the works whose shares sum to more than the whole."""
        return frozenset(work_id(j) for j in range(self.n_works) if _is_overclaimed(j))

    @property
    def unclaimed(self) -> frozenset[str]:
        """Ids of the works of which a share is missing, somewhere or everywhere."""
        return frozenset(work_id(j) for j in range(self.n_works) if _is_short(j) or _excluded("W", j))

    def parties(self) -> Iterator[Row]:
        """Yield the rows of parties: licensee, licensor, labels, then writers and publishers."""
        yield LICENSEE, "", "Generator Ltd"
        yield "P-SOCIETY", "", "Société of Rights"
        for i in range(self.n_labels):
            yield label_id(i), "", label_name(i)
        for i in range(self.n_people):
            yield self.person(i)

    def person(self, i: int) -> Row:
        """Return a writer or publisher: id, IPI name number and name."""
        body = f"{10_000_000 + 1_000_003 * self.seed + i:09d}"[-9:]
        return f"P-{i:06d}", body + mod_101(body), f"{_FIRST[i // 10 % 10]} {_SECOND[i % 10]} Music {i}"

    def recordings(self) -> Iterator[Row]:
        """Yield the rows of recordings."""
        draw = random.Random(f"{self.seed}/recordings")
        for i in range(self.n_recordings):
            seconds = draw.randrange(90, 400)
            title = _title(draw.randrange(100), i) + (" (Remastered)" if self.changed and i % 100 == 5 else "")
            yield (
                recording_id(i),
                "SoundRecording",
                isrc(self.seed, i),
                title,
                f"{_FIRST[draw.randrange(10)]} {i % 997}|The {_SECOND[draw.randrange(10)]}s",
                f"PT{seconds // 60}M{seconds % 60}S",
                label_name(self._label(i)),
                index_id(i),
                ("yes", "yes", "no", "")[draw.randrange(4)],
                ("catalogue-a", "catalogue-a", "catalogue-a|new", "catalogue-b", "")[draw.randrange(5)],
            )

    def works(self) -> Iterator[Row]:
        """Yield the rows of works."""
        draw = random.Random(f"{self.seed}/works")
        for j in range(self.n_works):
            body = f"{100_000_000 + j:09d}"
            writers = f"{_FIRST[draw.randrange(10)]} {_SECOND[draw.randrange(10)]}|Writer {j % 5003}"
            yield work_id(j), f"T{body}{weighted(body, 1)}", _title(draw.randrange(100), j), writers

    def links(self) -> Iterator[Row]:
        """Yield which recordings perform which works; every twentieth recording is a medley of two."""
        for i in range(self.n_recordings):
            first, second = self.works_of(i)[0], self.works_of(i)[-1]
            if first == second:
                yield f"L-{i:07d}", work_id(first), recording_id(i), ""
            else:
                yield f"L-{i:07d}", work_id(first), recording_id(i), "62.5"
                yield f"L-{i:07d}-2", work_id(second), recording_id(i), "37.5"

    def works_of(self, i: int) -> tuple[int, ...]:
        """Return the numbers of the works that a recording performs."""
        first = i % self.n_works
        return (first, (first + 1) % self.n_works) if i % 20 == 7 else (first,)

    def parts(self) -> Iterator[Row]:
        """Yield the samples: some recordings contain ten seconds of the recording before."""
        for i in range(3, self.n_recordings, 50):
            yield recording_id(i), recording_id(i - 1), "20000", "30000"

    def master_shares(self) -> Iterator[Row]:
        """Yield the shares of recordings; every tenth has two owners."""
        for i in range(self.n_recordings):
            owners = [label_id(self._label(i))]
            if i % 10 == 0:
                owners.append(self.person(i * 7919 % self.n_people)[0])
            for owner, share in zip(owners, _SPLITS[len(owners)], strict=True):
                valid_from = "2020-01-01" if i % 10 == 4 else ""
                place = ("Worldwide", _excluded("R", i))
                yield f"M-{i:07d}-{owner}", recording_id(i), owner, "RightsOwner", share, valid_from, "", *place

    def work_shares(self) -> Iterator[Row]:
        """Yield the shares of works: mechanical, then performing right."""
        for j in range(self.n_works):
            for right, n_owners in zip(("MechanicalRight", "PerformingRight"), _OWNERS[j % 9], strict=True):
                shares = [*_SPLITS[n_owners]]
                if right == "PerformingRight" and (_is_overclaimed(j) or _is_short(j)):
                    shares[0] = "95" if _is_overclaimed(j) else "12.5"
                for k, share in enumerate(shares):
                    owner = self.person((j * 3 + k * 101) % self.n_people)[0]
                    share_id = f"S-{j:07d}-{right[:4]}-{k}"
                    place = ("", "", "Worldwide", _excluded("W", j))
                    yield share_id, work_id(j), owner, _ROLES[k], share, "MusicalWorkCollectionShare", right, *place

    def _label(self, i: int) -> int:
        return i * 31 % self.n_labels


def recording_id(i: int) -> str:
    """Return the id of a recording."""
    return f"R-{i:07d}"


def index_id(i: int) -> str:
    """Return the id of a recording in the index."""
    return f"asset-{i:07d}"


def work_id(j: int) -> str:
    """Return the id of a work."""
    return f"W-{j:07d}"


def isrc(seed: int, i: int) -> str:
    """Return the ISRC of a recording."""
    return f"QZSP{seed % 10}{i:07d}"


def label_id(i: int) -> str:
    """Return the id of a label."""
    return f"P-LABEL-{i:04d}"


def label_name(i: int) -> str:
    """Return the name of a label."""
    return f"{_SECOND[i % 10]} Records {i}"


def count_of(n: int, step: int, first: int) -> int:
    """Return how many of n records have a number that is `first`, or a multiple of `step` more."""
    return len(range(first, n, step))


def _title(words: int, number: int) -> str:
    return f"{_FIRST[words // 10]} {_SECOND[words % 10]} {number}"


def _is_overclaimed(j: int) -> bool:
    return j % 180 == 12  # works of two owners: 12 and 180 leave 3 and 0 when divided by 9, see _OWNERS


def _is_short(j: int) -> bool:
    return j % 90 == 30  # likewise


def _excluded(kind: str, number: int) -> str:
    """Return the country in which the shares of every twentieth subject do not hold."""
    return "US" if number % 20 == (3 if kind == "W" else 6) else ""
