"""The data folder of a server: one place for each kind of data, and a folder for each organisation.

    service.sqlite             organisations, keys, jobs, grants, webhooks, outbox (unless they are on PostgreSQL)
    organisations/ID/index/    its catalogue
    organisations/ID/rights.sqlite   its rights, uses and statements (unless they are on PostgreSQL)
    organisations/ID/keys/     its signing keys
    organisations/ID/policies/ its release policies, NAME.toml
    organisations/ID/statements/  the files of statements
    uploads/                   audio, for as long as its job needs it
    log/                       the transparency log; its key beside it, in log-key/

On PostgreSQL the rights of an organisation are a schema of their own in the same database, `org_ID`, after the name of
the service's own schema where that is not the usual one.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import inspect, text
from sqlalchemy.engine import make_url

from fingerprint import disk
from fingerprint.errors import OutputError, ParameterError
from sourceprint.royalties.rights.database import Database
from sourceprint.royalties.rights.engine import find_place, open_engine, refusals
from sourceprint.service.settings import Settings
from sourceprint.transparency.log import CHECKPOINT_NAME, LogReader

__all__ = ["MANIFEST_NAME", "DataFolder", "OrganisationFolder", "check_id"]

MANIFEST_NAME = "backup.json"
"""The manifest of a backup; where it is, the folder is no service."""

_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")


@dataclass(frozen=True, slots=True)
class OrganisationFolder:
    """The data of one organisation.

    Attributes
    ----------
    id : str
        Of the organisation.
    root : Path
        The folder.
    """

    id: str
    root: Path
    _database_url: str = ""
    _opened: dict[str, Database] = field(default_factory=dict, compare=False, repr=False)

    @property
    def index(self) -> Path:
        """The folder of its catalogue's index."""
        return self.root / "index"

    @property
    def keys(self) -> Path:
        """The folder of its signing keys."""
        return self.root / "keys"

    @property
    def statements(self) -> Path:
        """The folder with a folder of files for each statement."""
        return self.root / "statements"

    @property
    def policies(self) -> Path:
        """The folder of its release policies."""
        return self.root / "policies"

    @property
    def rights_place(self) -> str:
        """Place of the database of rights: a path, or a URL that names the schema."""
        if not self._database_url:
            return str(self.root / "rights.sqlite")
        options = {"options": f"-csearch_path={self.schema}"}
        return make_url(self._database_url).update_query_dict(options).render_as_string(hide_password=False)

    @property
    def schema(self) -> str:
        """The schema of its rights: named after the service's own, where that is not the usual one."""
        own = str(make_url(self._database_url).query.get("options", "")).partition("search_path=")[2]
        return (f"{own}_" if own else "") + "org_" + self.id.replace("-", "_")

    def has_rights(self) -> bool:
        """Return whether its database of rights was made."""
        if self.id in self._opened:
            return True
        if not self._database_url:
            return (self.root / "rights.sqlite").exists()
        place = find_place(self._database_url)
        with refusals(place.name), open_engine(place, create=False, lock_seconds=30).connect() as connection:
            return self.schema in inspect(connection).get_schema_names()

    def rights(self) -> Database:
        """Open its database of rights, or make it; it is opened once.

        Raises
        ------
        RightsDatabaseError
            If it cannot be reached or was made by a newer version.
        """
        if self.id in self._opened:
            return self._opened[self.id]
        if self._database_url:
            place = find_place(self._database_url)
            engine = open_engine(place, create=True, lock_seconds=30)
            with refusals(place.name), engine.begin() as connection:
                connection.execute(text(f'CREATE SCHEMA IF NOT EXISTS "{self.schema}"'))
        self._opened[self.id] = Database.open(self.rights_place, create=True)
        return self._opened[self.id]


@dataclass(frozen=True, slots=True)
class DataFolder:
    """The data folder of a server.

    Attributes
    ----------
    root : Path
        The folder.
    """

    root: Path
    _database_url: str = ""
    _opened: dict[str, Database] = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def of(cls, settings: Settings) -> "DataFolder":
        """Return the data folder that settings name, whether or not it is there."""
        return cls(settings.data.absolute(), settings.database)

    @classmethod
    def open(cls, settings: Settings) -> "DataFolder":
        """Return the data folder; it is made, for its owner alone, if it is not there.

        Raises
        ------
        OutputError
            If it cannot be made, or is a backup.
        """
        folder = cls.of(settings)
        if (folder.root / MANIFEST_NAME).exists():
            raise OutputError(
                f"{folder.root}: is a backup, which a service would change; put it back into a new folder with "
                "`sourceprint restore`"
            )
        if folder.unfinished.exists():
            raise OutputError(
                f"{folder.root}: a backup is being put back here, or was not put back to its end; run `sourceprint "
                "restore` again, or name another folder with --data"
            )
        with disk.refusals(folder.root, OutputError, "cannot be made", remedy="name another folder with --data"):
            folder.root.mkdir(parents=True, exist_ok=True, mode=0o700)
            folder.uploads.mkdir(exist_ok=True, mode=0o700)
        return folder

    @property
    def database_place(self) -> str:
        """Place of the service's own database: a path or a URL."""
        return self._database_url or str(self.root / "service.sqlite")

    @property
    def unfinished(self) -> Path:
        """The file that is there while a backup is put back: until then the folder is no service."""
        return self.root / "restore.unfinished"

    @property
    def uploads(self) -> Path:
        """The folder of uploads."""
        return self.root / "uploads"

    @property
    def log(self) -> Path:
        """The folder of the transparency log."""
        return self.root / "log"

    def checkpoint(self) -> bytes | None:
        """Return the newest signed checkpoint of the log; None before its first entry.

        Raises
        ------
        VerificationError
            If the file is no checkpoint.
        LogError
            If it cannot be read.
        """
        if not (self.log / CHECKPOINT_NAME).exists():
            return None
        return LogReader(self.log).view()[0].to_bytes()

    def without_places(self, text: str) -> str:
        """Return a message for callers, without the places of this folder: they are for the operator."""
        root = re.escape(str(self.root))
        return re.sub(rf"{root}/(?:organisations/[^/\s]+/|uploads/(?:document-[^/\s]+/)?)?", "", text)

    @property
    def log_key(self) -> Path:
        """The folder of the log's key."""
        return self.root / "log-key"

    def organisation(self, organisation_id: str) -> OrganisationFolder:
        """Return the place of one organisation's data.

        Raises
        ------
        ParameterError
            If the id could be no name of a folder.
        """
        check_id(organisation_id)
        root = self.root / "organisations" / organisation_id
        return OrganisationFolder(organisation_id, root, self._database_url, self._opened)


def check_id(organisation_id: str) -> None:
    """Refuse an id that is no id of an organisation; ParameterError names the rule."""
    if not _ID.fullmatch(organisation_id):
        raise ParameterError(
            f"organisation {organisation_id!r:.60}: an id has 1 to 40 lower-case letters, digits and hyphens"
        )
