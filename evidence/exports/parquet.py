"""Scan results as Parquet: the rows of `evidence.exports.rows` with real types; the only door to pyarrow in this part.

Whole numbers are int64, numbers float64, texts UTF-8, lists are lists of texts; what does not apply is null, and an
empty list where there is nothing to list about a file or passage that there is. Text is as it is, but for bytes of file
names that are no UTF-8, which are escaped. A file that matched nothing or failed has one row with nulls, as in CSV.

The metadata of the file has `schema`, `version` of the program, and `index.digest`, `params.digest` and
`settings.digest`: all that occur in the rows, sorted, with a space between them. The bytes are the same for the same
results, version, and version of pyarrow.
"""

import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from evidence.exports.rows import COLUMNS, LIST, NUMBER, TEXT, WHOLE, Cell, segment_rows
from evidence.exports.text import well_formed
from evidence.results import FileResult
from evidence.version import program_version

__all__ = ["SCHEMA", "segment_parquet"]

SCHEMA = "sourceprint/segment-rows/1"

_ALWAYS_THERE = frozenset({"name", "status", "notes", "algorithm", "index_digest", "params_digest"})
_TYPES = {TEXT: pa.string(), WHOLE: pa.int64(), NUMBER: pa.float64(), LIST: pa.list_(pa.string())}


def segment_parquet(results: Sequence[FileResult], q_values: Mapping[tuple[str, str], float]) -> bytes:
    """Return a Parquet file, one row per reused passage.

    Parameters
    ----------
    results : sequence of FileResult
    q_values : mapping of (name, asset_id) to float
        As `evidence.runs.rates.q_values` returns them for the whole batch.
    """
    columns: dict[str, list[Any]] = {name: [] for name in COLUMNS}
    for row in segment_rows(results, q_values):
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
    table = pa.table(
        [pa.array(values, type=schema.field(name).type) for name, values in columns.items()], schema=schema
    )
    sink = io.BytesIO()
    pq.write_table(table, sink, compression="zstd", version="2.6")
    return sink.getvalue()


def _value(value: Cell) -> str | float | list[str] | None:
    if isinstance(value, str):
        return well_formed(value)
    return [well_formed(item) for item in value] if isinstance(value, tuple) else value


def _all(digests: Iterable[str]) -> str:
    return " ".join(sorted({well_formed(digest) for digest in digests} - {""}))
