"""Find which recordings a track reuses: where, at what pitch and tempo, and how sure that is.

    import sourceprint

    with sourceprint.open("label-index") as catalogue:
        result = catalogue.match("track.mp3")
    print(result)

`open` and `create` return a `Catalogue`: an index into which recordings are added, and against which tracks are
matched. docs/python.md is the guide. Nothing but the errors is loaded before it is used.

The package is the product around two libraries, `fingerprint` and `index`.

In reading order, each part importing from those before it only:

- `sheets`: tables as people keep them, and their columns
- `items`, `lists`, `folders`, `inputs`, `outputs`: audio files that a user names, one by one, in lists and in folders,
  and where results are written
- `file_limits`, `faults`, `processes`, `workers`: many files at once, what one of them may take, and what goes wrong
  with one
- `audio_digests`: digests of files that may be known, or too large to be read for that
- `text`, `toml_faults`, `toml_documents`, `identifiers`, `signatures`, `table_versions`: tables and names, TOML that
  people write, the codes of the trade, Ed25519 keys, migrations of databases
- `transparency`: a log that shows whether it was altered
- `catalogue`: recordings into the index
- `scans`: tracks against the index, runs of many files, changes between two
- `works`: the works that tracks play, in whatever performance
- `exports`, `gate`, `evidence`, `blind`: formats of other tools, the check before a release, pages and signed cases,
  catalogues that match without being shown
- `royalties`: rights, uses, statements
- `places`: default places of a user's index, rights and keys
- `api`: the Python interface
- `demo`: all of it on music that it makes itself
- `service`: an HTTP API with workers, for organisations with keys
- `commands`: arguments, output and messages of each command

docs/architecture.md shows the whole, with the order of imports and a glossary.
"""

import importlib
from typing import TYPE_CHECKING, Any

from fingerprint.errors import (
    AmbiguousSharesError,
    AudioError,
    CatalogueError,
    DamagedFingerprintError,
    DecodeError,
    DuplicateRecordingError,
    EvidenceError,
    FingerprintFileError,
    GrantError,
    IndexDamagedError,
    IndexFormatError,
    IndexLockedError,
    IndexMissingError,
    ListedError,
    LogDamagedError,
    LogError,
    NotEnoughMusicError,
    OutputError,
    ParameterError,
    RightsDatabaseError,
    RightsError,
    SignInError,
    SourceprintError,
    StatementError,
    StorageFullError,
    TooShortError,
    UnknownRecordingError,
    UnknownRightsError,
    VerificationError,
)

if TYPE_CHECKING:
    from index.storage.recordings import Recording
    from sourceprint.api.additions import AdditionReport
    from sourceprint.api.catalogue import Catalogue
    from sourceprint.api.index_folders import create
    from sourceprint.api.index_folders import open as open  # noqa: A004 - as in gzip.open
    from sourceprint.api.results import read_results
    from sourceprint.api.tracks import InputWarning
    from sourceprint.catalogue.additions import AdditionOutcome
    from sourceprint.exports.dataframe import to_dataframe
    from sourceprint.gate.verdict import Decision, Report, Verdict
    from sourceprint.scans.results import (
        ResultAlternative,
        ResultIndex,
        ResultMatch,
        ResultPassage,
        ResultSearch,
        ResultTiming,
        ResultTrack,
        ScanResult,
    )

    __version__: str
else:

    def __getattr__(name: str) -> Any:
        if name == "__version__":
            return importlib.import_module("sourceprint.outputs").program_version()
        for home, names in _HOMES.items():
            if name in names:
                return getattr(importlib.import_module(home), name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})


__all__ = [
    "AdditionOutcome",
    "AdditionReport",
    "AmbiguousSharesError",
    "AudioError",
    "Catalogue",
    "CatalogueError",
    "DamagedFingerprintError",
    "Decision",
    "DecodeError",
    "DuplicateRecordingError",
    "EvidenceError",
    "FingerprintFileError",
    "GrantError",
    "IndexDamagedError",
    "IndexFormatError",
    "IndexLockedError",
    "IndexMissingError",
    "InputWarning",
    "ListedError",
    "LogDamagedError",
    "LogError",
    "NotEnoughMusicError",
    "OutputError",
    "ParameterError",
    "Recording",
    "Report",
    "ResultAlternative",
    "ResultIndex",
    "ResultMatch",
    "ResultPassage",
    "ResultSearch",
    "ResultTiming",
    "ResultTrack",
    "RightsDatabaseError",
    "RightsError",
    "ScanResult",
    "SignInError",
    "SourceprintError",
    "StatementError",
    "StorageFullError",
    "TooShortError",
    "UnknownRecordingError",
    "UnknownRightsError",
    "Verdict",
    "VerificationError",
    "__version__",
    "create",
    "open",
    "read_results",
    "to_dataframe",
]

_HOMES = {
    "index.storage.recordings": ("Recording",),
    "sourceprint.api.additions": ("AdditionReport",),
    "sourceprint.api.catalogue": ("Catalogue",),
    "sourceprint.api.index_folders": ("create", "open"),
    "sourceprint.api.results": ("read_results",),
    "sourceprint.api.tracks": ("InputWarning",),
    "sourceprint.catalogue.additions": ("AdditionOutcome",),
    "sourceprint.exports.dataframe": ("to_dataframe",),
    "sourceprint.gate.verdict": ("Decision", "Report", "Verdict"),
    "sourceprint.scans.results": (
        "ResultAlternative",
        "ResultIndex",
        "ResultMatch",
        "ResultPassage",
        "ResultSearch",
        "ResultTiming",
        "ResultTrack",
        "ScanResult",
    ),
}
