"""Migrations of several databases at once, as a server makes them for its organisations."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from sqlalchemy import inspect

from sourceprint.royalties.rights.database import VERSIONS, Database


def test_databases_that_are_made_at_once_each_get_their_own_tables(tmp_path: Path) -> None:
    with ThreadPoolExecutor(6) as pool:
        made = list(pool.map(lambda n: Database.open(tmp_path / f"{n}.sqlite", create=True), range(6)))
    tables = []
    for database in made:
        with database.reading() as connection:
            tables.append(sorted(inspect(connection).get_table_names()))
    assert "party" in tables[0]
    assert tables == [tables[0]] * 6


def test_the_newest_version_is_the_last_of_all() -> None:
    assert VERSIONS.newest == max(VERSIONS.known)
