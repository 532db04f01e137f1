"""A server: settings, data folder and database, as routes and workers share them; and its first start."""

import threading
from dataclasses import dataclass, field

from sqlalchemy import func, select

from sourceprint.api.catalogue import Catalogue
from sourceprint.service.access.api_keys import KeyScope, issue_key
from sourceprint.service.access.organisations import DEFAULT_ORGANISATION, add_organisation
from sourceprint.service.access.rates import RateLimits
from sourceprint.service.data_folder import DataFolder
from sourceprint.service.metrics import Metrics
from sourceprint.service.people.invitations import invite
from sourceprint.service.people.origins import Origin
from sourceprint.service.people.persons import FIRST_ROLES, add_person
from sourceprint.service.settings import Settings
from sourceprint.service.store.clock import Clock, system_clock
from sourceprint.service.store.database import ServiceDatabase
from sourceprint.service.store.schema import organisation
from sourceprint.service.store.stored_settings import find_setting, set_setting

__all__ = ["Server"]

_ORIGIN = "console origin"  # setting: the origin of the server that was started last


@dataclass(slots=True)
class Server:
    """Everything that a request needs.

    Attributes
    ----------
    settings : Settings
    folder : DataFolder
    database : ServiceDatabase
    rates : RateLimits
        Requests of each key in the last minute.
    metrics : Metrics
    making_files : Lock
        Held while the files of a statement are written.
    origin : Origin
        Of the console: as set, else that of the server which was started last on this database, else localhost.
    is_origin_known : bool
        Whether the origin is set, or that of a server which was started.
    """

    settings: Settings
    folder: DataFolder
    database: ServiceDatabase
    rates: RateLimits = field(default_factory=RateLimits)
    metrics: Metrics = field(init=False)
    _catalogues: dict[str, Catalogue] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    making_files: threading.Lock = field(default_factory=threading.Lock)
    origin: Origin = field(init=False)
    is_origin_known: bool = field(init=False)

    def __post_init__(self) -> None:
        self.metrics = Metrics(self.database)
        known = self.settings.origin
        if not known:
            with self.database.reading() as connection:
                known = find_setting(connection, _ORIGIN) or ""
        self.is_origin_known = bool(known)
        self.origin = Origin.parse(known or "http://localhost:8080")

    def listens_at(self, port: int) -> None:
        """Take localhost with a port as the origin of the console, unless one is set; commands find it from here on."""
        self.origin = Origin.parse(self.settings.origin or f"http://localhost:{port}")
        self.is_origin_known = True
        with self.database.writing() as connection:
            set_setting(connection, _ORIGIN, self.origin.text)

    @classmethod
    def open(cls, settings: Settings, *, clock: Clock = system_clock) -> "Server":
        """Open the data folder and the database, and make them where they are not there.

        Raises
        ------
        OutputError, RightsDatabaseError
            If one cannot be made or opened.
        """
        folder = DataFolder.open(settings)
        return cls(settings, folder, ServiceDatabase.open(folder.database_place, clock=clock, pooled=True))

    def first_key(self) -> tuple[str, str] | None:
        """Make the first organisation, with a key for all of it and a person who administers it.

        Returns
        -------
        tuple of str, or None
            The texts of the key and of the person's one-time link; None where there is an organisation.
        """
        with self.database.writing() as connection:
            if connection.scalar(select(func.count()).select_from(organisation)):
                return None
            at = self.database.now()
            add_organisation(connection, DEFAULT_ORGANISATION, "Main organisation", at=at, actor="server")
            _, text = issue_key(connection, DEFAULT_ORGANISATION, "first key", list(KeyScope), at=at, actor="server")
            first = add_person(connection, DEFAULT_ORGANISATION, "First admin", FIRST_ROLES, at=at, actor="server")
            token = invite(connection, first, now=self.database.clock(), actor="server")
        return text, token

    def link(self, token: str) -> str:
        """Return the address of a one-time link; its secret stands where browsers send it to no server."""
        return f"{self.origin.text}/console/join#{token}"

    def catalogue(self, organisation_id: str) -> Catalogue | None:
        """Return the catalogue of an organisation, which threads may share; None where nothing was added yet."""
        index = self.folder.organisation(organisation_id).index
        with self._lock:
            opened = self._catalogues.get(organisation_id)
            if opened is None and index.exists():
                opened = self._catalogues[organisation_id] = Catalogue(index)
        return opened
