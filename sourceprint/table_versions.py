"""Versions of the tables of a database: alembic's migrations in a folder, run one at a time.

Alembic keeps the migration that it runs in a variable of the process. Two at once, in two threads, would exchange their
databases, so a lock is held while one runs.
"""

import threading
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import alembic.command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

__all__ = ["TableVersions"]

_RUNNING = threading.Lock()


@dataclass(frozen=True)
class TableVersions:
    """The versions that this program knows.

    Attributes
    ----------
    folder : Path
        Alembic's folder of migrations: `env.py` and `versions`.
    """

    folder: Path

    @cached_property
    def known(self) -> frozenset[str]:
        """All versions."""
        return frozenset(script.revision for script in self._scripts.walk_revisions())

    @cached_property
    def newest(self) -> str:
        """The version of this program."""
        return str(self._scripts.get_current_head())

    def config(self, connection: Connection | None = None) -> Config:
        """Return a configuration for alembic's commands, which work in the transaction of the connection."""
        config = Config()
        config.set_main_option("script_location", str(self.folder).replace("%", "%%"))
        config.set_main_option("path_separator", "os")
        config.set_main_option("file_template", "v%%(rev)s_%%(slug)s")  # a name that Python can import
        if connection is not None:
            config.attributes["connection"] = connection
        return config

    def upgrade(self, connection: Connection, version: str = "head") -> None:
        """Bring the tables of a database to a version, in the transaction of the connection."""
        with _RUNNING:
            alembic.command.upgrade(self.config(connection), version)

    @property
    def _scripts(self) -> ScriptDirectory:
        return ScriptDirectory.from_config(self.config())
