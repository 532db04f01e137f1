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
from sourceprint.service.settings import Settings
from sourceprint.service.store.clock import Clock, system_clock
from sourceprint.service.store.database import ServiceDatabase
from sourceprint.service.store.schema import organisation

__all__ = ["Server"]


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
    """

    settings: Settings
    folder: DataFolder
    database: ServiceDatabase
    rates: RateLimits = field(default_factory=RateLimits)
    metrics: Metrics = field(init=False)
    _catalogues: dict[str, Catalogue] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    making_files: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.metrics = Metrics(self.database)

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

    def first_key(self) -> str | None:
        """Make the first organisation with a key for all of it, and return the key's text; None where there is one."""
        with self.database.writing() as connection:
            if connection.scalar(select(func.count()).select_from(organisation)):
                return None
            at = self.database.now()
            add_organisation(connection, DEFAULT_ORGANISATION, "Main organisation", at=at, actor="server")
            _, text = issue_key(connection, DEFAULT_ORGANISATION, "first key", list(KeyScope), at=at, actor="server")
        return text

    def catalogue(self, organisation_id: str) -> Catalogue | None:
        """Return the catalogue of an organisation, which threads may share; None where nothing was added yet."""
        index = self.folder.organisation(organisation_id).index
        with self._lock:
            opened = self._catalogues.get(organisation_id)
            if opened is None and index.exists():
                opened = self._catalogues[organisation_id] = Catalogue(index)
        return opened
