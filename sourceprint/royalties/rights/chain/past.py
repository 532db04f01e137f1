"""The database as it was at an entry of its chain, for one connection.

A temporary view of the same name hides each covered table. It leaves out rows that came later, and the ends of rows
that ended later. Both databases look for temporary names first. The tables stay as they are, and the views end with the
connection or its transaction.
"""

from sqlalchemy import Column, Connection, MetaData, Table, case, func, select, text
from sqlalchemy.sql.elements import ColumnElement

from sourceprint.royalties.rights.chain.coverage import COVERED
from sourceprint.royalties.rights.schema import chain_entry

__all__ = ["show_past"]


def show_past(connection: Connection, sequence: int) -> None:
    """Show a connection the database as it was right after an entry of the chain.

    Parameters
    ----------
    connection : Connection
        Inside a transaction that may make temporary views.
    sequence : int
        Sequence of the entry.
    """
    last = func.max(chain_entry.c.last_id)
    query = select(chain_entry.c.kind, last).where(chain_entry.c.sequence <= sequence).group_by(chain_entry.c.kind)
    last_of = {row[0]: row[1] for row in connection.execute(query)}
    limits: dict[Table, list[tuple[Column[int], int, bool]]] = {
        chain_entry: [(chain_entry.c.sequence, sequence, False)]
    }
    for kind, parts in COVERED.items():
        for part in parts:
            limits.setdefault(part.table, []).append((part.owner, last_of.get(kind, 0), part.ended))
    schema = "main" if connection.dialect.name == "sqlite" else str(connection.scalar(select(func.current_schema())))
    for table, owners in limits.items():
        _hide(connection, table, schema, owners)


def _hide(connection: Connection, table: Table, schema: str, owners: list[tuple[Column[int], int, bool]]) -> None:
    real = table.to_metadata(MetaData(), schema=schema)
    shown: dict[str, ColumnElement[object]] = {column.name: column for column in real.columns}
    query = select()
    for owner, last, ended in owners:
        column = real.c[owner.name]
        if ended:
            shown[owner.name] = case((column <= last, column)).label(owner.name)
        else:
            query = query.where(column <= last)
    query = query.add_columns(*shown.values())
    dialect = connection.dialect
    written = query.compile(dialect=dialect, compile_kwargs={"literal_binds": True})
    name = dialect.identifier_preparer.quote(table.name)
    connection.execute(text(f"CREATE TEMPORARY VIEW {name} AS {_escaped(str(written))}"))


def _escaped(sql: str) -> str:
    return sql.replace(":", "\\:")
