"""The makers of each format, and how formats get to the disk: a file or a folder, complete under its name or not there.

`kinds` says which format is a text, a file or a folder. Existing files are replaced only on request, and nothing is
ever deleted.
"""

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from fingerprint.errors import EvidenceError, ParameterError, printable
from fingerprint.new_files import is_leftover, new_folder
from index.storage.durable import publish, publish_chunks, sync_folder, write_chunks
from sourceprint.exports.acrcloud import acrcloud_lines
from sourceprint.exports.audacity import audacity_labels
from sourceprint.exports.jams import jams_files
from sourceprint.exports.kinds import FOLDERS
from sourceprint.exports.table import passage_csv
from sourceprint.outputs import expect_free, writing
from sourceprint.scans.results import ScanResult
from sourceprint.text.names import well_formed_json

__all__ = ["export_chunks", "export_files", "write_export"]

QValues = Mapping[tuple[str, str], float]


def _json_lines(results: Sequence[ScanResult], _: QValues) -> Iterator[bytes]:
    return (json.dumps(well_formed_json(result.raw)).encode() + b"\n" for result in results)


def _parquet(results: Sequence[ScanResult], q_values: QValues) -> Iterator[bytes]:
    from sourceprint.exports.parquet import passage_parquet  # a third of a second that the others need not wait

    return iter([passage_parquet(results, q_values)])


_ONE_FILE: dict[str, Callable[[Sequence[ScanResult], QValues], Iterator[bytes]]] = {
    "jsonl": _json_lines,
    "csv": passage_csv,
    "parquet": _parquet,
    "acrcloud": lambda results, _: acrcloud_lines(results),
}
_MANY_FILES: dict[str, Callable[[Sequence[ScanResult], QValues], dict[str, bytes]]] = {
    "audacity": lambda results, _: audacity_labels(results),
    "jams": jams_files,
}


def export_chunks(results: Sequence[ScanResult], form: str, q_values: QValues) -> Iterator[bytes]:
    """Yield the bytes of a format that is one file.

    Parameters
    ----------
    results : sequence of ScanResult
    form : str
        Of `kinds.FORMATS`, but none of `kinds.FOLDERS`.
    q_values : mapping of (name, recording_id) to float
        As `sourceprint.scans.summary.q_values` returns them for the whole batch.

    Raises
    ------
    ParameterError
        If there is no such format.
    """
    if form not in _ONE_FILE:
        raise ParameterError(f"format {form!r:.40}: is not one file; take one of {', '.join(_ONE_FILE)}")
    return _ONE_FILE[form](results, q_values)


def export_files(results: Sequence[ScanResult], form: str, q_values: QValues) -> dict[str, bytes]:
    """Return the files of a format that is a folder, by their names; parameters as `export_chunks`.

    Raises
    ------
    ParameterError
        If there is no such format.
    """
    if form not in _MANY_FILES:
        raise ParameterError(f"format {form!r:.40}: is no folder of files; take one of {', '.join(_MANY_FILES)}")
    return _MANY_FILES[form](results, q_values)


def write_export(
    results: Sequence[ScanResult], form: str, target: Path, q_values: QValues, *, replace: bool = False
) -> int:
    """Write results in a format, and return how many files that are.

    Parameters
    ----------
    results : sequence of ScanResult
    form : str
        Of `kinds.FORMATS`.
    target : Path
        The file, or for `kinds.FOLDERS` the folder; new, or for a folder empty.
    q_values : mapping of (name, recording_id) to float
        As `sourceprint.scans.summary.q_values` returns them for the whole batch.
    replace : bool
        Whether existing output may be replaced: a file, or those files in a folder that are written now. A folder that
        holds anything else is refused all the same: one could not tell old from new in it.

    Raises
    ------
    ParameterError
        If there is no such format.
    EvidenceError
        If something is there already, or the system refuses to write.
    StorageFullError
        If the disk is full; existing files are as they were, but in a folder some may be new.
    """
    with writing(target):
        if form in FOLDERS:
            return _write_folder(target, export_files(results, form, q_values), replace)
        chunks = export_chunks(results, form, q_values)
        expect_free(target, replace=replace)
        publish_chunks(target, chunks)
        return 1


def _write_folder(target: Path, files: Mapping[str, bytes], replace: bool) -> int:
    if os.path.lexists(target) and not target.is_dir():
        raise EvidenceError(f"{printable(target)}: is a file; name a new or an empty folder")
    inside = [path.name for path in target.iterdir()] if target.is_dir() else []
    present = sorted(name for name in inside if not is_leftover(name))
    if present and not replace:
        raise EvidenceError(f"{printable(target)}: is not empty; name another folder, or give --force")
    if foreign := sorted(set(present) - set(files)):
        raise EvidenceError(
            f"{printable(target)}: holds {printable(foreign[0])}, which is not written now; name another folder"
        )
    if present:
        for name, data in files.items():
            publish(target / name, data)
    else:
        _write_new(target, files)
    return len(files)


def _write_new(target: Path, files: Mapping[str, bytes]) -> None:
    os.stat(target.absolute().parent)  # the folder above is not made: its name may be a slip
    with new_folder(target) as place:
        for name, data in files.items():
            write_chunks(place / name, [data])
        sync_folder(place)
