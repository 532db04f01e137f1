"""Scan results as Parquet: the rows of `sourceprint.exports.table` with real types; for results, the door to pyarrow.

Whole numbers are int64, numbers float64, texts UTF-8, lists are lists of texts; a field that does not apply is null.
Text is as it is, but for bytes of file names that are no UTF-8, which are escaped. The metadata of the file has
`schema`, `version` of the program, and `index.digest`, `params.digest` and `settings.digest`: all that occur in the
rows, sorted, with a space between them. The bytes are the same for the same results, version, and version of pyarrow.
"""

import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from sourceprint.exports.table import COLUMNS, LIST, NUMBER, TEXT, WHOLE, Cell, passage_rows
from sourceprint.outputs import program_version
from sourceprint.scans.results import ScanResult
from sourceprint.text.names import well_formed

__all__ = ["SCHEMA", "passage_parquet", "passage_table"]

SCHEMA = "sourceprint/passage-rows/2"

_ALWAYS_THERE = frozenset({"name", "status", "notes", "algorithm", "index_digest", "params_digest"})
_TYPES = {TEXT: pa.string(), WHOLE: pa.int64(), NUMBER: pa.float64(), LIST: pa.list_(pa.string())}


def passage_table(results: Sequence[ScanResult], q_values: Mapping[tuple[str, str], float]) -> pa.Table:
    """Return the rows as an Arrow table, one per reused passage.

    Parameters
    ----------
    results : sequence of ScanResult
    q_values : mapping of (name, recording_id) to float
        As `sourceprint.scans.summary.q_values` returns them for the whole batch.
    """
    columns: dict[str, list[Any]] = {name: [] for name in COLUMNS}
    for row in passage_rows(results, q_values):
        for name, value in row.items():
            columns[name].append(_value(value))
    schema = pa.schema(
        [pa.field(name, _TYPES[kind], nullable=name not in _ALWAYS_THERE) for name, kind in COLUMNS.items()],
        metadata={
            "schema": SCHEMA,
            "version": program_version(),
            "index.digest": _all(result.index_digest for result in results),
            "params.digest": _all(result.params_digest for result in results),
            "settings.digest": _all(result.settings_digest for result in results),
        },
    )
    arrays = [pa.array(values, type=schema.field(name).type) for name, values in columns.items()]
    return pa.table(arrays, schema=schema)


def passage_parquet(results: Sequence[ScanResult], q_values: Mapping[tuple[str, str], float]) -> bytes:
    """Return a Parquet file of `passage_table`."""
    sink = io.BytesIO()
    pq.write_table(passage_table(results, q_values), sink, compression="zstd", version="2.6")
    return sink.getvalue()


def _value(value: Cell) -> str | float | list[str] | None:
    if isinstance(value, str):
        return well_formed(value)
    return [well_formed(item) for item in value] if isinstance(value, tuple) else value


def _all(digests: Iterable[str]) -> str:
    return " ".join(sorted({well_formed(digest) for digest in digests} - {""}))
