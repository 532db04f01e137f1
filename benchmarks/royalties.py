"""Time and memory of a large catalogue of rights: import, update, attribution and statements.

    python -m benchmarks.royalties              100 000 recordings with 400 000 shares, 100 000 matched segments
    python -m benchmarks.royalties --quick      a twentieth of that

Needs no music: rights, scan results and usage are synthesised (`benchmarks.royalties_data`, `royalties_files`,
`royalties_scans`). The steps and their checks are in `benchmarks.royalties_steps`.
"""

from __future__ import annotations

import argparse
import functools
import os
import sqlite3
import sys
import tempfile
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import sqlalchemy
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.pool import NullPool
from tqdm import tqdm

from benchmarks.part import MEASURED, Job, Part, Report, new_report, run_command
from benchmarks.royalties_data import Catalogue
from benchmarks.royalties_files import write_rights, write_single_csv
from benchmarks.royalties_report import figures, pictures, tables
from benchmarks.royalties_scans import GROUP_SEGMENTS, GROUP_TRACKS, write_results, write_usage
from benchmarks.royalties_steps import MONTH_SEGMENTS, MONTHS, Step, run_alone
from fingerprint.errors import ParameterError

__all__ = ["PART", "SERVER", "Size", "main", "measure"]

SERVER: Final = "SOURCEPRINT_TEST_DATABASE_URL"

ABOUT = """\
Rights, scan results and usage are synthesised: for every ten recordings nine works and forty shares, with covers,
medleys, samples, shares that hold in some countries only, and some that sum to more or less than the whole; for every
ten matched segments seven generated tracks, with overlaps, passages that other recordings fit as well, recordings that
are not on file, and matches of the composition alone. Each step runs in a process of its own that was just started, on
a file of SQLite, and on PostgreSQL where a server is named (`--database`). *Time* is elapsed time, *processor* the
computing time of the process itself: on a machine with other work the former is longer. *Peak* is the most memory that
the process ever had, *of it* the memory before the step began, with the libraries loaded; memory is bounded if a
catalogue four times as large takes little more of it. In the series of months, ten statements of a month each are
issued in turn, each in a database that holds the months before; cost does not grow with history if the tenth takes no
longer than the first.

The results are checked against the synthesised data: every record arrives, importing again or importing an export
changes nothing, the overclaims and unclaimed shares that are there are found and no others, every segment is
attributed, the lines of a statement sum to the royalty on the revenue that was reported, and the audit of its files
finds nothing.
"""


@dataclass(frozen=True, slots=True)
class Size:
    """Size of a catalogue, and the steps to run on it.

    Attributes
    ----------
    recordings, segments : int
        Multiples of 10.
    steps : tuple of str
        In order, on SQLite.
    server_steps : tuple of str
        On PostgreSQL, where there is one.
    """

    recordings: int
    passages: int
    steps: tuple[str, ...]
    server_steps: tuple[str, ...] = ()


_UPKEEP = ("import", "import again", "import changes", "export", "import export", "check", "import spreadsheet")
_SMALL: Final = ("import", "attribute", "statement", "statement again", "write", "audit", *MONTHS)
_LARGE: Final = (*_UPKEEP, "attribute", "attribute again", "statement")
_SERVER: Final = ("import", "attribute")

_OF_MONTH: Final = {"segments": MONTH_SEGMENTS, "tracks": MONTH_SEGMENTS // GROUP_SEGMENTS * GROUP_TRACKS}

FULL: Final = (Size(25_000, 25_000, _SMALL), Size(100_000, 100_000, _LARGE, _SERVER))
QUICK: Final = (Size(1_250, 1_250, _SMALL), Size(5_000, 5_000, _LARGE, _SERVER))


def measure(job: Job) -> Report:
    """Return the time, memory and failed checks of every step.

    Raises
    ------
    ParameterError
        If the server that is named cannot be reached.
    """
    sizes = QUICK if job.quick else FULL
    url = job.options.get("database") or ""
    rows: list[dict[str, Any]] = []
    with _server(url) as (place, version):
        for size in sizes:
            with _folder(job.cache) as folder:
                rows += _measured(size, folder, place, job.seed)
    return new_report(
        "royalties", job, sqlalchemy=sqlalchemy.__version__, sqlite=sqlite3.sqlite_version, postgresql=version or "none"
    ) | {"steps": rows}


def _measured(size: Size, folder: Path, server: str, seed: int) -> Iterator[dict[str, Any]]:
    """Yield a row for each step on a catalogue of this size, which is made first."""
    catalogue = Catalogue(size.recordings, seed)
    write_rights(catalogue, folder / "rights")
    write_rights(Catalogue(size.recordings, seed, changed=True), folder / "changed")
    write_single_csv(catalogue, folder / "rights.csv")
    n_tracks = write_results(catalogue, size.passages, folder / "results.jsonl")
    revenue = write_usage(catalogue, n_tracks, folder / "usage.csv")
    about = {
        "recordings": size.recordings,
        "shares": catalogue.counts["master_share"] + catalogue.counts["work_share"],
        "segments": size.passages,
        "tracks": n_tracks,
    }
    runs: Sequence[tuple[str, str, Sequence[str]]] = (
        ("SQLite", str(folder / "rights.sqlite"), size.steps),
        ("PostgreSQL", server, size.server_steps if server else ()),
    )
    for database, place, names in runs:
        words = f"{size.recordings} recordings, {database}"
        for name in tqdm(names, desc=words, file=sys.stderr, leave=False, disable=None, dynamic_ncols=True):
            # A spreadsheet makes ids of its own for shares: in the same database they would be added.
            own = str(folder / "spreadsheet.sqlite") if name == "import spreadsheet" else place
            if name in MONTHS:
                step = Step(name, str(folder / "months.sqlite"), str(folder), catalogue, MONTH_SEGMENTS, 0)
                yield {"database": database, **about, **_OF_MONTH, **run_alone(step)}
            else:
                step = Step(name, own, str(folder), catalogue, size.passages, revenue)
                yield {"database": database, **about, **run_alone(step)}


@contextmanager
def _folder(cache: Path) -> Iterator[Path]:
    """Yield a folder that is gone afterwards; in the cache, since a temporary one may be in memory."""
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="royalties-", dir=cache) as name:
        yield Path(name)


@contextmanager
def _server(url: str) -> Iterator[tuple[str, str]]:
    """Yield a URL under which there is nothing yet, and the version of the server; ("", "") where none is named."""
    if not url:
        yield "", ""
        return
    try:
        made = make_url(url).set(drivername="postgresql+psycopg")
        schema = f"sourceprint_bench_{uuid.uuid4().hex}"
        engine = sqlalchemy.create_engine(made, poolclass=NullPool, hide_parameters=True)
        with engine.begin() as connection:
            version = str(connection.scalar(sqlalchemy.text("SHOW server_version")))
            connection.execute(sqlalchemy.text(f"CREATE SCHEMA {schema}"))
    except (ArgumentError, SQLAlchemyError) as error:
        reason = str(getattr(error, "orig", error)).splitlines()[0]
        raise ParameterError(
            f"--database: no schema can be made there ({reason}); name a PostgreSQL server that runs, as "
            f"postgresql://user@host/name, or unset {SERVER}"
        ) from error
    try:
        place = made.update_query_dict({"options": f"-csearch_path={schema}"})
        yield place.render_as_string(hide_password=False), version
    finally:
        with engine.begin() as connection:
            connection.execute(sqlalchemy.text(f"DROP SCHEMA {schema} CASCADE"))


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--database",
        default=os.environ.get(SERVER),
        metavar="URL",
        help=f"PostgreSQL server to measure on besides SQLite, in a schema that is dropped afterwards (${SERVER})",
    )


PART = Part(
    name="royalties",
    title="Rights and money",
    question=(
        "How much time and memory do import, attribution and statements take for 100 000 recordings with their rights?"
    ),
    about=ABOUT,
    measure=measure,
    tables=tables,
    figures=figures,
    pictures=pictures,
    add_options=_add_options,
    code=(*MEASURED, "sourceprint/royalties"),
)

main = functools.partial(run_command, PART)

if __name__ == "__main__":
    sys.exit(main())
