"""Feed the transparency log: number the entries of the outbox, and append them in that order.

Two steps, each of which may be repeated after a crash: entries get the next numbers of the log, in a transaction of the
database; then all that the log does not have yet is appended under these numbers (`Log.append` compares what is there
already). So every entry is in the log once, whichever server or command appends it.

Changes of an organisation's rights, uses and statements are entries of the hash chain in its own database
(`sourceprint.royalties.rights.chain`), made by any program that works on it. Each such entry becomes one of the log,
with its sequence, kind and hash: so changes by the command line are in the log too.
"""

import math
import time
from threading import Event

from sqlalchemy import func, select, text, update

from sourceprint.royalties.rights.database import Database
from sourceprint.royalties.rights.schema import chain_entry
from sourceprint.service.data_folder import DataFolder
from sourceprint.service.log_keys import log_key, log_key_name
from sourceprint.service.store.database import ServiceDatabase
from sourceprint.service.store.outbox import note_event
from sourceprint.service.store.schema import organisation, outbox
from sourceprint.service.store.stored_settings import find_setting, set_setting, stored_setting
from sourceprint.transparency.log import Log

__all__ = ["ORIGIN", "LogFeed", "LogFeeder"]

_AT_ONCE = 1_000
_CHAIN_AT_ONCE = 500
_CHAIN_SECONDS = 5.0  # how often the organisations' own databases are looked at
_NUMBERING_LOCK = 0x53504C46  # any number that other programs are unlikely to lock on the same server

ORIGIN = "log origin"
"""Setting with the name of the log."""


class LogFeed:
    """The log of a server, and its feeder.

    Parameters
    ----------
    database : ServiceDatabase
    folder : DataFolder

    Attributes
    ----------
    log : Log
    """

    def __init__(self, database: ServiceDatabase, folder: DataFolder) -> None:
        self._database = database
        self._folder = folder
        with database.writing() as connection:
            self._key = log_key_name(folder, connection)
        self.log = self._open(self._key)

    def _open(self, key_name: str) -> Log:
        """Open the log with the key of this name."""
        key, former = log_key(self._folder, key_name)
        with self._database.writing() as connection:
            origin = stored_setting(connection, ORIGIN, f"sourceprint.log/{key.public.id}")
        return Log.open(self._folder.log, signer=key, origin=origin, former=former)

    def feed(self, *, chains: bool = True) -> int:
        """Append everything that waits; return how many entries were appended.

        Parameters
        ----------
        chains : bool
            Whether the databases of rights are looked at as well.

        Raises
        ------
        VerificationError
            If the log was cut or altered, or a chain is shorter than it was.
        LogError, RightsDatabaseError, StorageFullError
            If one cannot be reached or written.
        """
        with self._database.reading() as connection:
            key = log_key_name(self._folder, connection)
        if key != self._key:  # changed by a command
            self.log = self._open(key)
            self._key = key
        if chains:
            self._note_chains()
        before = self.log.size
        while self._number():
            pass
        while self._append():
            pass
        return int(self.log.size - before)

    def _number(self) -> int:
        """Give the entries of the outbox the next numbers of the log."""
        waiting = select(outbox.c.sequence).where(outbox.c.log_index.is_(None)).order_by(outbox.c.sequence)
        with self._database.reading() as connection:
            if connection.scalar(waiting.limit(1)) is None:
                return 0
        with self._database.writing() as connection:
            if self._database.is_server:
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _NUMBERING_LOCK})
            last = connection.scalar(select(func.max(outbox.c.log_index)))
            first = 0 if last is None else last + 1
            found = connection.scalars(waiting.limit(_AT_ONCE)).all()
            for at, sequence in enumerate(found, first):
                connection.execute(update(outbox).where(outbox.c.sequence == sequence).values(log_index=at))
        return len(found)

    def _append(self) -> int:
        start = self.log.size
        query = select(outbox.c.entry).where(outbox.c.log_index >= start).order_by(outbox.c.log_index).limit(_AT_ONCE)
        with self._database.reading() as connection:
            entries = [bytes(entry) for entry in connection.scalars(query)]
        if entries:
            self.log.append(entries, start=start)
        return len(entries)

    def _note_chains(self) -> None:
        with self._database.reading() as connection:
            ids = connection.scalars(select(organisation.c.id).order_by(organisation.c.id)).all()
        for organisation_id in ids:
            own = self._folder.organisation(organisation_id)
            if own.has_rights():
                while self._note_chain(organisation_id, own.rights()):
                    pass

    def _note_chain(self, organisation_id: str, rights: Database) -> int:
        """Note the next entries of a chain; return how many."""
        name = f"chain {organisation_id}"
        with self._database.reading() as connection:
            last = int(find_setting(connection, name) or 0)
        columns = (chain_entry.c.sequence, chain_entry.c.kind, chain_entry.c.hash)
        query = select(*columns).where(chain_entry.c.sequence > last).order_by(chain_entry.c.sequence)
        with rights.reading() as connection:
            found = connection.execute(query.limit(_CHAIN_AT_ONCE)).all()
        if not found:
            return 0
        with self._database.writing() as connection:
            if self._database.is_server:
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _NUMBERING_LOCK})
            if int(stored_setting(connection, name, "0")) != last:
                return 1  # another server has noted them; look again
            for row in found:
                note_event(
                    connection, "rights.changed", at=self._database.now(), organisation=organisation_id,
                    actor="chain", subject=f"chain:{row.sequence}", data={"kind": row.kind, "hash": row.hash},
                )  # fmt: skip
            set_setting(connection, name, str(found[-1].sequence))
        return len(found)


class LogFeeder:
    """Feeds the log in rounds; every few seconds from the organisations' own databases too.

    Parameters
    ----------
    feed : LogFeed
    """

    def __init__(self, feed: LogFeed) -> None:
        self._feed = feed
        self._chains_at = -math.inf

    def look(self, stopping: Event) -> None:
        """Append what waits; all of it when the server stops. Errors as `LogFeed.feed`."""
        now = time.monotonic()
        chains = stopping.is_set() or now - self._chains_at >= _CHAIN_SECONDS
        self._feed.feed(chains=chains)
        if chains:
            self._chains_at = now
