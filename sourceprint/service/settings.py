"""Settings of a server: the data folder, limits, and periods of retention; from SOURCEPRINT_* variables or options.

Nothing needs to be set: `sourceprint serve` runs on the user's own data folder, for this machine alone.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from fingerprint.errors import ParameterError
from sourceprint.places import service_place

__all__ = ["Settings", "settings_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Settings of a server and its workers.

    Attributes
    ----------
    data : Path
        The data folder.
    database : str
        URL of a PostgreSQL database; "" for `service.sqlite` in the data folder.
    readable : tuple of Path
        Folders from which scans may name files; none by default.
    objects : tuple of str
        Prefixes of object stores, such as "s3://bucket/incoming", below which scans may name objects.
    upload_mb : int
        Size limit of one upload, in MB.
    json_kb : int
        Size limit of a JSON body, in kB.
    wait_seconds : float
        How long a check waits for its verdict before it answers with the job.
    lease_seconds : int
        Time after which the job of a silent worker is given to another.
    keep_audio : bool
        Whether uploads are kept once their job is done; by default they are deleted.
    result_days : int
        Days after which results are erased; 0 keeps them.
    dispute_days : int
        Days after which a dispute that nobody answered lapses; 0 lets none lapse.
    lapsed_dispute : str
        State that a use then gets: "withdrawn" or "resolved".
    per_minute : int
        Requests of one key in a minute.
    webhook_private : bool
        Whether webhooks may go to private and loopback addresses.
    origin : str
        Address under which browsers reach the console, as "https://console.tone.example"; "" for localhost.
    """

    data: Path
    database: str = ""
    readable: tuple[Path, ...] = ()
    objects: tuple[str, ...] = ()
    upload_mb: int = 1_000
    json_kb: int = 4_096
    wait_seconds: float = 30.0
    lease_seconds: int = 60
    keep_audio: bool = False
    result_days: int = 0
    dispute_days: int = 30
    lapsed_dispute: str = "withdrawn"
    per_minute: int = 600
    webhook_private: bool = False
    origin: str = ""

    def __post_init__(self) -> None:
        for name, least in (
            ("upload_mb", 1),
            ("json_kb", 1),
            ("lease_seconds", 30),
            ("result_days", 0),
            ("dispute_days", 0),
            ("per_minute", 1),
        ):
            if getattr(self, name) < least:
                raise ParameterError(f"{name}={getattr(self, name)}: must be at least {least}")
        if self.lapsed_dispute not in ("withdrawn", "resolved"):
            raise ParameterError(f"lapsed_dispute={self.lapsed_dispute:.40}: must be withdrawn or resolved")


def settings_of(environment: Mapping[str, str] = os.environ, **given: Any) -> Settings:
    """Return settings: each as given, else from the environment, else by default.

    Parameters
    ----------
    environment : mapping
        SOURCEPRINT_DATA, SOURCEPRINT_DATABASE, SOURCEPRINT_READABLE (folders and prefixes of objects, separated by
        ":"), SOURCEPRINT_UPLOAD_MB and so on.
    **given
        Settings by name; None and () are not given.

    Raises
    ------
    ParameterError
        If a value is unsuitable.

    Examples
    --------
    >>> settings_of({"SOURCEPRINT_DATA": "/srv/sourceprint", "SOURCEPRINT_UPLOAD_MB": "50"}).upload_mb
    50
    """
    values: dict[str, Any] = {}
    for field in fields(Settings):
        value = given.get(field.name)
        if value is None or value == ():
            named = "readable" if field.name == "objects" else field.name
            text = environment.get(f"SOURCEPRINT_{named.upper()}", "")
            if not text:
                continue
            value = _parsed(field.name, getattr(field.type, "__name__", str(field.type)), text)
        values[field.name] = value
    return Settings(**{"data": service_place()} | values)


def _parsed(name: str, kind: str, text: str) -> Any:
    if kind == "Path":
        return Path(text)
    if kind == "tuple":
        parts = [part for part in re.split(rf"{os.pathsep}(?!//)", text) if part]
        if name == "objects":
            return tuple(part for part in parts if "://" in part)
        return tuple(Path(part) for part in parts if "://" not in part)
    if kind == "bool":
        if text.lower() not in ("0", "1", "false", "true", "no", "yes"):
            raise ParameterError(f"SOURCEPRINT_{name.upper()}={text:.40}: must be yes or no")
        return text.lower() in ("1", "true", "yes")
    if kind in ("int", "float"):
        try:
            return {"int": int, "float": float}[kind](text)
        except ValueError:
            raise ParameterError(f"SOURCEPRINT_{name.upper()}={text:.40}: must be a number") from None
    return text
