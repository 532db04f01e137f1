"""The file of a case: a ZIP archive with exactly one form, so that nothing can hide in it or beside its members.

In go the members by name, out comes the file, and the other way round. The members are stored without compression, in
the order of `LIMITS`, dated 1980-01-01, without comments or extra fields; the same members give the same bytes. A file
from outside must equal, byte for byte, the archive that packing its members gives: that leaves no room for compressed
or encrypted members, links, two members of one name, paths, or anything before, between or after them. Violations are
named; sizes are compared with limits before anything is read, and nothing is ever written to the disk.
"""

import io
import struct
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass

from fingerprint.errors import EvidenceError, printable

__all__ = [
    "CASE",
    "CHECKPOINT",
    "LARGEST_BYTES",
    "LIMITS",
    "OPTIONAL",
    "PAGE",
    "README",
    "RESULT",
    "SIGNATURE",
    "SUMS",
    "TRACE",
    "Opened",
]
__all__ += ["open_archive", "pack"]

CASE = "case.json"
RESULT = "result.json"
TRACE = "trace.spt"
PAGE = "page.html"
CHECKPOINT = "log-checkpoint.txt"
README = "README.txt"
SUMS = "SHA256SUMS"
SIGNATURE = "SIGNATURE"

LIMITS = {
    CASE: 1 << 20,
    RESULT: 1 << 24,
    TRACE: 1 << 28,  # an hour of audio that is all reused takes a quarter of it
    PAGE: 1 << 28,
    CHECKPOINT: 1 << 18,
    README: 1 << 16,
    SUMS: 1 << 12,
    SIGNATURE: 1 << 12,
}
"""Members in their order, and how many bytes each may have; all but those of `OPTIONAL` must be there."""

OPTIONAL = (PAGE, CHECKPOINT)

LARGEST_BYTES = sum(LIMITS.values()) + (1 << 12)
"""Of the whole file."""

_MOST_DIRECTORY_BYTES = 1 << 12
_END = struct.Struct("<4s4H2LH")  # the record that ends a ZIP archive without a comment
_LOCAL = struct.Struct("<4s22x2H")  # the fields before the name in a member's own header
_BEGINNING = _LOCAL.pack(b"PK\x03\x04", len(CASE), 0)
_ENCRYPTED = 1


@dataclass(frozen=True, slots=True)
class Opened:
    """Members of a case file.

    Attributes
    ----------
    members : mapping of str to bytes
        Those that could be read, in the order of `LIMITS`.
    problems : tuple of str
        Faults of the file or its members.
    """

    members: Mapping[str, bytes]
    problems: tuple[str, ...]


def pack(members: Mapping[str, bytes]) -> bytes:
    """Return the file with these members.

    Raises
    ------
    EvidenceError
        If a member is larger than it may be.

    Examples
    --------
    >>> file = pack({CASE: b"{}"})
    >>> file == pack({CASE: b"{}"}), dict(open_archive(file, name="a.zip").members)
    (True, {'case.json': b'{}'})
    """
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_STORED) as archive:
        for name, limit in LIMITS.items():
            if name not in members:
                continue
            if len(members[name]) > limit:
                raise EvidenceError(
                    f"{name} would have {len(members[name])} bytes, a case holds at most {limit}; leave "
                    "the page out, or scan the file in parts"
                )
            member = zipfile.ZipInfo(name)
            member.create_system = 3  # Unix, on every system
            member.external_attr = 0o100644 << 16
            archive.writestr(member, members[name])
    return sink.getvalue()


def open_archive(data: bytes, *, name: str) -> Opened:
    """Return the members in the bytes of a case file.

    Parameters
    ----------
    data : bytes
        The whole file.
    name : str
        Its name in messages.

    Raises
    ------
    EvidenceError
        If it is no case at all: no ZIP archive, or one without `case.json`.
    """
    looks_like_one = _begins_as_case(data)
    infos = _directory(data)
    if infos is None and looks_like_one:
        return Opened({}, ("it has no readable directory at its end: it was cut short, or something was added to it",))
    if infos is None or not (looks_like_one or any(info.filename == CASE for info in infos)):
        raise EvidenceError(f"{name}: is no case; give the file that `sourceprint evidence` made")
    members, problems = _read(data, infos)
    there = {info.filename for info in infos} | set(OPTIONAL)
    missing = [member for member in LIMITS if member not in there]
    problems += [f"{member} is missing" for member in missing]
    if not problems and pack(members) != data:
        problems.append(
            "it is not packed as Sourceprint packs a case: it was packed anew, or something was put before, between or "
            "after its members"
        )
    return Opened(members, tuple(problems))


def _begins_as_case(data: bytes) -> bool:
    if len(data) < _LOCAL.size or data[:4] != _BEGINNING[:4] or data[26:30] != _BEGINNING[26:30]:
        return False
    return data[_LOCAL.size : _LOCAL.size + len(CASE)] == CASE.encode("ascii")


def _directory(data: bytes) -> list[zipfile.ZipInfo] | None:
    """Return the entries of the directory at the end; None where there is none that is as small as it must be."""
    if len(data) < _END.size:
        return None
    mark, _, _, _, _, n_bytes, _, n_comment = _END.unpack(data[-_END.size :])
    is_larger_kind = data[-_END.size - 20 :][:4] == b"PK\x06\x07"  # its sizes would be those of another record
    if mark != b"PK\x05\x06" or n_comment or n_bytes > _MOST_DIRECTORY_BYTES or is_larger_kind:
        return None
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return archive.infolist()
    except (zipfile.BadZipFile, NotImplementedError, ValueError, struct.error):
        return None


def _read(data: bytes, infos: list[zipfile.ZipInfo]) -> tuple[dict[str, bytes], list[str]]:
    members: dict[str, bytes] = {}
    problems: list[str] = []
    listed: set[str] = set()
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for info in infos:
            name = printable(info.filename[:80])
            if info.filename not in LIMITS:
                problems.append(f"it holds {name}, which is no part of a case")
            elif info.filename in listed:
                problems.append(f"it holds {name} twice")
            elif info.flag_bits & _ENCRYPTED:
                problems.append(f"{name} is encrypted")
            elif info.compress_type != zipfile.ZIP_STORED:
                problems.append(f"{name} is compressed, and members of a case never are")
            elif info.file_size > LIMITS[info.filename]:
                problems.append(f"{name} says to have {info.file_size} bytes, of at most {LIMITS[info.filename]}")
            else:
                try:
                    members[info.filename] = archive.read(info)
                except (zipfile.BadZipFile, NotImplementedError, RuntimeError, ValueError, EOFError, OSError):
                    problems.append(f"{name} is damaged: it cannot be read, or fails its checksum")
            listed.add(info.filename)
    return {name: members[name] for name in LIMITS if name in members}, problems
