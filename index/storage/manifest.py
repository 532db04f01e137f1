"""The manifest: the one file that names all parts of the index.

`manifest.json` names every layer, and every segment file with size and SHA-256. A file it does not name does not exist
as far as readers are concerned. It is replaced in one step, so an index is always in the state of one commit.

Manifests of format 2 are read too, and never written: `index.storage.format2`.
"""

import os
import stat
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Self

import msgspec

from fingerprint.digests import FileEntry, canonical_json, digest_of, pretty_json
from fingerprint.disk import refusals
from fingerprint.errors import (
    CatalogueError,
    GrantError,
    IndexDamagedError,
    IndexFormatError,
    IndexMissingError,
    ParameterError,
)
from fingerprint.params import Params
from index.storage.durable import switch
from index.storage.format2 import VERSION_2, TreeEntry, body_of_2
from index.storage.manifest_rules import LAYER_NAME, SIDE_FILE, manifest_faults
from index.storage.segment_rules import LayerColumn, columns_fault, standard_columns

__all__ = [
    "FORMAT_VERSION",
    "GRANT_NAME",
    "LEFTOVERS",
    "MANIFEST_LIMIT_BYTES",
    "MANIFEST_NAME",
    "RECORDING",
    "SIDE_FILE",
    "AmendmentsEntry",
    "HubsEntry",
    "LayerEntry",
    "LayerSpec",
    "Manifest",
    "QuantiserEntry",
    "SegmentEntry",
    "layer_specs",
    "parse_manifest",
    "publish_manifest",
    "read_manifest",
    "read_manifest_bytes",
    "refuse_blind",
    "refuse_old",
    "require_grant",
    "spec_of",
    "write_manifest",
]

RECORDING = "recording"
"""Layer of the landmarks of the sound itself: finds the same recording, however it was altered."""

MAGIC = "sourceprint-index"
FORMAT_VERSION = 3
MANIFEST_NAME = "manifest.json"
GRANT_NAME = "grant.json"
"""In the folder of a blind index: for whom it was made, and until when."""

MANIFEST_LIMIT_BYTES = 1 << 28
"""Of one that is read, as it is held in memory; far more than any index needs."""

_AGAIN = "add the recordings again to a new index, from their fingerprint files (.spf) or their audio"

LEFTOVERS = {"segments", "trees", "readers", "lock", MANIFEST_NAME + ".tmp"}  # of a creation that was interrupted


@dataclass(frozen=True, slots=True)
class LayerSpec:
    """Parameters of one layer of descriptors.

    Attributes
    ----------
    params : mapping
        Every parameter that two sets of descriptors must share to be comparable; plain JSON types.
    dimension : int
        Length of a descriptor: a multiple of 64, as its signs are stored in words.
    columns : tuple of LayerColumn
        What is kept of every landmark (default: time, frequency, signs and descriptor).

    Raises
    ------
    ParameterError
        If the dimension is no positive multiple of 64, the parameters are no plain JSON types, or the columns are not
        such as a layer can have.
    """

    params: Mapping[str, Any]
    dimension: int
    columns: tuple[LayerColumn, ...] = ()

    def __post_init__(self) -> None:
        if self.dimension < 64 or self.dimension % 64:
            raise ParameterError(f"dimension={self.dimension}: must be a positive multiple of 64")
        try:
            canonical_json(dict(self.params))
        except (TypeError, ValueError) as error:
            raise ParameterError(f"layer parameters must be plain JSON types: {error}") from error
        object.__setattr__(self, "columns", self.columns or standard_columns(self.dimension))
        if fault := columns_fault(self.columns, self.dimension):
            raise ParameterError(f"layer {fault}; see docs/formats/index.md for what a column may be")

    @property
    def digest(self) -> str:
        """`sha256:` and the SHA-256 of the parameters as canonical JSON."""
        return digest_of(canonical_json(dict(self.params)))


def layer_specs() -> dict[str, LayerSpec]:
    """Return the layers that this version makes, and a new index has; an older or newer index may have others."""
    params = Params()
    return {RECORDING: LayerSpec(params.to_dict(), params.dimension)}


def spec_of(layer: str) -> LayerSpec:
    """Return the parameters of one layer.

    Raises
    ------
    ParameterError
        If this version makes no such layer.
    """
    specs = layer_specs()
    if layer not in specs:
        raise ParameterError(
            f"layer {layer!r}: unknown to this version of Sourceprint, which has {', '.join(specs)}; works are "
            "found by `sourceprint match --layer composition`"
        )
    return specs[layer]


@dataclass(frozen=True, slots=True)
class QuantiserEntry:
    """The quantiser that gave lists and codes: the digest of its file, and the level at which the layer is searched."""

    digest: str
    level: int


@dataclass(frozen=True, slots=True)
class LayerEntry:
    """A layer of the index.

    Attributes
    ----------
    params : dict
        Its parameters.
    dimension : int
        Length of a descriptor.
    digest : str
        That of the parameters.
    columns : tuple of LayerColumn
        What a landmark is added with, in the order of its checksum.
    quantiser : QuantiserEntry or None
        Once the layer has outgrown exact search.
    tree : TreeEntry or None
        The same in format 2.
    """

    params: dict[str, Any]
    dimension: int
    digest: str
    columns: tuple[LayerColumn, ...]
    quantiser: QuantiserEntry | None
    tree: TreeEntry | None = None

    @classmethod
    def of(cls, name: str, spec: LayerSpec) -> Self:
        """Return the entry of a new layer.

        Raises
        ------
        ParameterError
            If the name cannot be that of a folder everywhere.
        """
        if not LAYER_NAME.fullmatch(name):
            raise ParameterError(f"layer name {name!r}: must be 1 to 64 lower-case letters, digits and underscores")
        return cls(dict(spec.params), spec.dimension, spec.digest, spec.columns, None)

    @property
    def is_exact(self) -> bool:
        """Whether the layer keeps descriptors, and is searched through all of them."""
        return self.quantiser is None and self.tree is None

    @property
    def has_neighbours(self) -> bool:
        """Whether the layer has descriptors to be searched for neighbours, so that it can be compressed."""
        return any(column.name == "vectors" for column in self.columns)

    @property
    def stored_columns(self) -> tuple[LayerColumn, ...]:
        """What is kept of a landmark, row by row: a compressed layer keeps no vectors."""
        return tuple(column for column in self.columns if column.name != "vectors" or self.is_exact)


@dataclass(frozen=True, slots=True)
class SegmentEntry:
    """A segment: its folder under `segments/`, its files, and which of its recordings were removed since.

    Attributes
    ----------
    name : str
        Folder name, never used twice in the life of an index.
    n_recordings : int
        Recordings in the segment, removed ones included.
    landmarks : dict
        Per layer, rows in the segment, those of removed recordings included.
    files : dict
        Size and checksum by path inside the folder.
    removed : tuple of int
        Positions of removed recordings, ascending.
    """

    name: str
    n_recordings: int
    landmarks: dict[str, int]
    files: dict[str, FileEntry]
    removed: tuple[int, ...]

    @property
    def n_live(self) -> int:
        """Recordings that are still in the catalogue."""
        return self.n_recordings - len(self.removed)


@dataclass(frozen=True, slots=True)
class HubsEntry:
    """The file of hubs: its name, size and checksum, and the live landmarks the index had when they were computed."""

    name: str
    computed_at: int
    file: FileEntry


@dataclass(frozen=True, slots=True)
class AmendmentsEntry:
    """The file of amended recordings, in the index folder.

    Attributes
    ----------
    name : str
        File name, never used twice in the life of an index.
    file : FileEntry
        Its size and checksum.
    recordings : dict
        By segment, in order of names: positions of the recordings that it has a line for, ascending. Its lines are in
        this order.
    """

    name: str
    file: FileEntry
    recordings: dict[str, tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class Manifest:
    """State of the index after one commit.

    Attributes
    ----------
    generation : int
        Number of the commit, from 0.
    next_name : int
        Number of the next segment folder, or file of hubs or amendments.
    layers : dict
        By name.
    segments : tuple of SegmentEntry
        In row order.
    hubs : HubsEntry or None
        Recordings that are near everything; None while that was not computed.
    amendments : AmendmentsEntry or None
        File of changes to recordings since their segments were written.
    blind : str or None
        Of a blind index, the id of the grant that it was made under; None in all others.
    renamed : dict
        Ids that recordings had before, each with the one that the recording has now.
    format_version : int
        Of the files that it names.
    """

    generation: int
    next_name: int
    layers: dict[str, LayerEntry]
    segments: tuple[SegmentEntry, ...]
    hubs: HubsEntry | None = None
    amendments: AmendmentsEntry | None = None
    blind: str | None = None
    renamed: dict[str, str] = field(default_factory=dict)
    format_version: int = FORMAT_VERSION

    def to_bytes(self) -> bytes:
        """Return the file: indented JSON with its own checksum."""
        body = {"magic": MAGIC, "format_version": self.format_version, **asdict(self)}
        if self.format_version == VERSION_2:
            raise ValueError("a manifest of format version 2 is never written")
        for layer in body["layers"].values():
            del layer["tree"]
        if self.blind is None:
            del body["blind"]  # as in manifests that are older than this field
        if not self.renamed:
            del body["renamed"]  # the same
        body["checksum"] = _checksum(body)
        return pretty_json(body)

    @classmethod
    def from_body(cls, body: dict[str, Any]) -> Self:
        """Return the manifest from its parsed JSON.

        Raises
        ------
        msgspec.ValidationError
            If a field is missing or of another type; the message has its path.
        """
        return msgspec.convert(body_of_2(body) if body.get("format_version") == VERSION_2 else body, cls)

    def parts(self) -> dict[str, dict[str, FileEntry]]:
        """Return the folders of the index, as "segments/NAME" (and in format 2 "trees/NAME"), each with its files."""
        trees = [layer.tree for layer in self.layers.values() if layer.tree is not None]
        return {
            **{f"segments/{segment.name}": segment.files for segment in self.segments},
            **{f"trees/{tree.name}": tree.files for tree in trees},
        }

    def side_files(self) -> dict[str, FileEntry]:
        """Return the files of the index folder itself, by name."""
        return {entry.name: entry.file for entry in (self.hubs, self.amendments) if entry is not None}

    def successor(self, **changes: Any) -> "Manifest":
        """Return the next generation with some fields replaced."""
        return replace(self, generation=self.generation + 1, **changes)


def read_manifest(folder: Path) -> Manifest:
    """Read and check the manifest of an index folder.

    Raises
    ------
    IndexMissingError
        If the folder does not exist, or is empty.
    IndexFormatError
        If it holds something else, or an index of another format version.
    IndexDamagedError
        If the manifest fails its own checksum, or is missing beside segments.
    CatalogueError
        If it cannot be read.
    GrantError
        If the index is blind and its grant is missing.
    """
    manifest = parse_manifest(read_manifest_bytes(folder), folder / MANIFEST_NAME)
    require_grant(folder, manifest)
    return manifest


def read_manifest_bytes(folder: Path) -> bytes:
    """Return the manifest of an index folder as it is on the disk, unchecked.

    Raises
    ------
    IndexMissingError, IndexFormatError, IndexDamagedError, CatalogueError
        As `read_manifest`, if there is none, or if it cannot be read.
    """
    path = folder / MANIFEST_NAME
    with refusals(path, CatalogueError):
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # or a pipe would be waited for
        except (FileNotFoundError, NotADirectoryError) as error:
            raise _missing(folder) from error
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise _damaged(path, "is a pipe or device, not a regular file")
            data = file.read(MANIFEST_LIMIT_BYTES + 1)
    if len(data) > MANIFEST_LIMIT_BYTES:
        raise _damaged(path, f"has more than {MANIFEST_LIMIT_BYTES} bytes")
    return data


def parse_manifest(data: bytes, path: Path) -> Manifest:
    """Check the bytes of a manifest and return it; `path` is where they come from, for messages.

    Raises
    ------
    IndexFormatError, IndexDamagedError
        As `read_manifest`.
    """
    try:
        body = msgspec.json.decode(data)
        checksum, as_written = (_checksum(body), pretty_json(body)) if isinstance(body, dict) else ("", b"")
    except (ValueError, msgspec.DecodeError, RecursionError) as error:
        raise _damaged(path, "is not readable as JSON") from error
    if not isinstance(body, dict) or body.get("magic") != MAGIC:
        if MAGIC.encode() in data:
            raise _damaged(path, f"has no field magic of value {MAGIC!r}")
        raise IndexFormatError(f"{path} is not the manifest of a Sourceprint index; give another folder")
    if body.get("checksum") != checksum:
        raise _damaged(path, "fails its checksum")
    version = body.get("format_version")
    if type(version) is not int or version not in (VERSION_2, FORMAT_VERSION):
        raise IndexFormatError(
            f"{path.parent}: index of format version {version!r:.40}, this program reads versions {VERSION_2} and "
            f"{FORMAT_VERSION}; use the program that wrote it, or {_AGAIN}"
        )
    if data != as_written:  # same value, other bytes (white space, say): the content is sound, the file is not
        raise _damaged(path, "has other white space or another order of fields than was written")
    try:
        manifest = Manifest.from_body(body)
    except msgspec.ValidationError as error:
        raise _damaged(path, f"has a field that is not as it must be ({error})") from error
    fault = next(manifest_faults(manifest), "")
    if fault:
        raise _damaged(path, f"has a field that is not as it must be ({fault})")
    return manifest


def require_grant(folder: Path, manifest: Manifest) -> None:
    """Make sure that a blind index has its grant beside it; `sourceprint.blind` checks the content.

    Raises
    ------
    GrantError
        If it has none.
    """
    if manifest.blind is not None and not (folder / GRANT_NAME).is_file():
        raise GrantError(
            f"{folder}: a blind index whose {GRANT_NAME} is missing; import the file again that its issuer sent"
        )


def refuse_blind(folder: Path, manifest: Manifest, *, action: str) -> None:
    """Refuse to change, repair or export a blind index: its grant is for this state, to be searched only.

    Raises
    ------
    GrantError
        If it is one.
    """
    if manifest.blind is not None:
        raise GrantError(
            f"{folder}: a blind index (grant {manifest.blind}) cannot be {action}, only searched; ask its "
            "issuer for another"
        )


def refuse_old(folder: Path, manifest: Manifest, *, action: str) -> None:
    """Refuse to change or repair an index of an earlier format, which is read only.

    Raises
    ------
    IndexFormatError
        If it is one.
    """
    if manifest.format_version != FORMAT_VERSION:
        is_exact = all(layer.is_exact for layer in manifest.layers.values())
        convert = "`sourceprint compact` makes it one of the present version"
        raise IndexFormatError(
            f"{folder}: an index of format version {manifest.format_version} cannot be {action}, only searched; "
            + (convert if is_exact else f"its descriptors are gone, so {_AGAIN}")
        )


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Make `manifest` the state of the index; on return it is on the disk."""
    publish_manifest(folder, manifest.to_bytes())


def publish_manifest(folder: Path, data: bytes) -> None:
    """Make a manifest the state of the index that was read elsewhere, byte for byte; on return it is on the disk."""
    switch(folder / MANIFEST_NAME, data, temporary=folder / (MANIFEST_NAME + ".tmp"))


def _checksum(body: Mapping[str, Any]) -> str:
    content = {key: value for key, value in body.items() if key != "checksum"}
    return digest_of(canonical_json(content))


def _missing(folder: Path) -> CatalogueError:
    if folder.exists() and not folder.is_dir():
        return IndexFormatError(f"{folder}: a file, not an index folder; give another path")
    names = {entry.name for entry in folder.iterdir()} if folder.is_dir() else set()
    if any(any((folder / name).iterdir()) for name in names & {"segments", "trees"} if (folder / name).is_dir()):
        return _damaged(folder / MANIFEST_NAME, "is missing")
    if names - LEFTOVERS:
        return IndexFormatError(f"{folder}: not a Sourceprint index (no {MANIFEST_NAME}); give another folder")
    return IndexMissingError(f"{folder}: no index here; add recordings to make one")


def _damaged(path: Path, what: str) -> IndexDamagedError:
    return IndexDamagedError(
        f"{path}: {what}; restore it from a copy, or run `sourceprint verify --repair`, which lists what to add to a "
        "new index",
        path=path,
        fault=what,
    )
