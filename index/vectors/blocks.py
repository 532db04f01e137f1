"""Where the codes of lists stand: blocks of 32, as FastScan of FAISS reads them, each list beginning with a new block.

In a block the codes are interleaved: byte by byte of a code, first the low halves of all 32, then the high ones (André
et al., "Quicker ADC", TPAMI 2021).
"""

import numpy as np
from numpy.typing import NDArray

__all__ = ["BLOCK", "in_blocks", "out_of_blocks", "padded", "places_of", "starts"]

BLOCK = 32
_ORDER = np.array([0, 8, 1, 9, 2, 10, 3, 11, 4, 12, 5, 13, 6, 14, 7, 15])  # of codes in one half of a block


def padded(sizes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the codes of each list with those that fill up its last block."""
    return -(-sizes // BLOCK) * BLOCK


def starts(sizes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return where each list starts."""
    return np.cumsum(sizes) - sizes


def places_of(sizes: NDArray[np.int64]) -> tuple[NDArray[np.int64], int]:
    """Return where the codes of each list stand among the padded ones, and the number of these."""
    all_sizes = padded(sizes)
    shift = starts(all_sizes) - starts(sizes)
    return np.arange(int(sizes.sum())) + np.repeat(shift, sizes), int(all_sizes.sum())


def in_blocks(codes: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return codes [shape=(32 m, code_bytes)] as FastScan reads them [shape=(32 m code_bytes,)]."""
    columns = codes.reshape(-1, BLOCK, codes.shape[1]).transpose(0, 2, 1)
    halves = [part[..., _ORDER] | part[..., _ORDER + 16] << 4 for part in (columns & 15, columns >> 4)]
    return np.concatenate(halves, axis=2).reshape(-1)


def out_of_blocks(blocks: NDArray[np.uint8], code_bytes: int) -> NDArray[np.uint8]:
    """Return the codes of blocks: the inverse of `in_blocks`."""
    halves = blocks.reshape(-1, code_bytes, 2, 16)
    columns = np.zeros((len(halves), code_bytes, BLOCK), dtype=np.uint8)
    for number in range(2):
        columns[..., _ORDER] |= (halves[:, :, number] & 15) << 4 * number
        columns[..., _ORDER + 16] |= halves[:, :, number] >> 4 << 4 * number
    return columns.transpose(0, 2, 1).reshape(-1, code_bytes)
