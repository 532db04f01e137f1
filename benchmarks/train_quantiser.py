"""Train the quantiser of compressed layers: a tree of centroids, and the codebooks of a product quantiser.

    python -m benchmarks.train_quantiser                   train, into index/vectors/quantiser.npz
    python -m benchmarks.train_quantiser --out F           the same, elsewhere

It is trained on the music that the projection that ships was trained on (half of the corpus, by `source`), so that
whatever is scored with that projection is new to both: all its descriptors, and those of drawn recordings
(`benchmarks.scale_catalogue`), as 65 536 lists need more than the corpus has. Same corpus and library versions on one
machine: same bytes, for any number of threads.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from benchmarks.data.corpus import Corpus, open_corpus
from benchmarks.harness import write_atomically
from benchmarks.scale_catalogue import Landscape
from benchmarks.train_projection import trained_on
from fingerprint.errors import AudioError
from fingerprint.extract import fingerprint_file, fingerprint_signal
from fingerprint.params import Params
from index.vectors.exact import kmeans, nearest_centroid
from index.vectors.quantiser import BRANCHES, CODEWORDS, N_LEVELS, ROOTS, SHIPPED, Quantiser, quantiser_bytes

__all__ = ["landscape", "main", "sample", "train"]

Samples = NDArray[np.float32]
SAMPLE = 32 * ROOTS * BRANCHES ** (N_LEVELS - 1)  # descriptors per list of the deepest level
NUMBERS_PER_CODE = 4  # of a descriptor: 8 bytes for 64
_FIRST_DRAWN = 10_000_000  # numbers of drawn recordings that no catalogue of the benchmarks has
_MEASURED = 100_000


def train(vectors: Samples, sources: Sequence[str]) -> bytes:
    """Return the file of a quantiser trained on descriptors [shape=(n, d)]; `sources` are named in it."""
    levels = [kmeans(vectors, ROOTS)]
    members = nearest_centroid(vectors, levels[0])
    for _ in tqdm(range(N_LEVELS - 1), desc="levels", file=sys.stderr, leave=False, disable=None):
        families, members = _split(vectors, members, levels[-1])
        levels.append(families)
    parts = np.split(vectors, vectors.shape[1] // NUMBERS_PER_CODE, axis=1)
    codebooks = np.stack([kmeans(np.ascontiguousarray(part), CODEWORDS) for part in parts])
    centroids = np.concatenate(levels)
    measured = Quantiser("", centroids, codebooks, 1.0)
    some = np.ascontiguousarray(vectors[:: max(len(vectors) // _MEASURED, 1)])
    codes = measured.encode(some)[1]
    scale = float(np.einsum("ij,ij->i", some, measured.decode(codes)).mean())
    return quantiser_bytes(centroids, codebooks, scale, np.array(sorted(sources)))


def sample(material: Landscape, n: int) -> Samples:
    """Return `n` descriptors: those of `material`, then of recordings drawn from it; as precise as stored."""
    parts, made, number = [material.vectors[:n]], min(len(material.vectors), n), _FIRST_DRAWN
    while made < n:
        parts.append(material.draw(number)[2][: n - made])
        made, number = made + len(parts[-1]), number + 1
    return np.concatenate(parts).astype(np.float16).astype(np.float32)


def landscape(corpus: Corpus, sources: frozenset[str]) -> Landscape:
    """Return the landmarks of the music of some sources."""
    rate = Params().sample_rate
    rows, prints = [], []
    for row in tqdm(corpus.music, desc="describing", file=sys.stderr, leave=False, disable=None):
        if row.source in sources and row.file not in set(corpus.missing()):
            path = corpus.path(row.file)
            try:
                one = fingerprint_file(path) if path else fingerprint_signal(corpus.load(row.file, sample_rate=rate))
            except AudioError:
                continue
            rows.append(row)
            prints.append(one)
    return Landscape(
        [row.file for row in rows],
        [row.source for row in rows],
        np.cumsum([0, *(one.times.size for one in prints)]),
        np.concatenate([one.times for one in prints]),
        np.concatenate([one.bins for one in prints]),
        np.concatenate([one.vectors[0] for one in prints]),
        np.concatenate([one.prominence for one in prints]),
        np.array([one.duration_seconds for one in prints]),
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    parser = argparse.ArgumentParser(prog="train_quantiser", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--corpus", help="corpus folder; default: $SOURCEPRINT_CORPUS, else synthesised music")
    parser.add_argument("--out", type=Path, default=SHIPPED, help="where to write it; default: the one that ships")
    parser.add_argument("--sample", type=int, default=SAMPLE, help=f"descriptors to train on ({SAMPLE})")
    asked = parser.parse_args(arguments)
    corpus = open_corpus(asked.corpus)
    known = trained_on()
    sources = frozenset(row.source for row in corpus.music)
    material = landscape(corpus, sources & known or sources)  # all of a corpus that the projection does not know
    data = train(sample(material, asked.sample), sorted(set(material.sources)))
    write_atomically(asked.out, data)
    made = Quantiser.read(data)
    print(f"{asked.out}: {len(data)} bytes, {made.digest}, scale {made.scale:.3f}")
    return 0


# --- helpers ----------------------------------------------------------------------------------------------------------


def _split(vectors: Samples, members: NDArray[np.int64], parents: Samples) -> tuple[Samples, NDArray[np.int64]]:
    """Return 16 children of each parent, by k-means over its members, and the child of each vector."""
    order = np.argsort(members, kind="stable")
    bounds = np.searchsorted(members[order], np.arange(len(parents) + 1))
    children = np.repeat(parents, BRANCHES, axis=0)  # as it is for a parent with too few members
    chosen = np.empty(len(vectors), dtype=np.int64)
    for parent in range(len(parents)):
        some = order[bounds[parent] : bounds[parent + 1]]
        family = slice(parent * BRANCHES, (parent + 1) * BRANCHES)
        if len(some) >= BRANCHES:
            children[family] = kmeans(vectors[some], BRANCHES)
        chosen[some] = family.start + nearest_centroid(vectors[some], children[family])
    return children, chosen


if __name__ == "__main__":
    sys.exit(main())
