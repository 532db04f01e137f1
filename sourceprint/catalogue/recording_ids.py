"""Which id a recording gets, and whether there is anything to do for it: decided before any audio is decoded.

An id that a list gives is used as it is. Else the id is the ISRC that the list gives, or, where it gives none or the
index has the same audio under that name already, the name of the file without its ending; if that belongs to other
audio, in the index or earlier in the same run, `-` and the first 8 digits of the file's SHA-256 follow. So a file gets
the same id however often it is added, and a run that was cut short can be repeated: recordings in the index are
recognised by id and digest. A fingerprint file counts as the audio file that it was made of, by name and digest.
"""

import unicodedata
from dataclasses import dataclass, replace
from pathlib import Path

from fingerprint.errors import AudioError, ParameterError, printable
from fingerprint.extract import audio_name
from index.storage.recordings import Recording
from index.storage.snapshot import Snapshot
from sourceprint.audio_digests import known_audio_digest
from sourceprint.items import Item

__all__ = ["IdDesk", "PlannedAddition", "derived_id", "described_by"]

_MAX_DERIVED_ID = 200


@dataclass(frozen=True, slots=True)
class PlannedAddition:
    """Action for one item.

    Attributes
    ----------
    kind : str
        "add" and "replace" want the audio to be fingerprinted; "unchanged" and "failed" are final.
    recording_id : str
        The id; "" where none could be given.
    before : Recording or None
        The recording to be replaced.
    remarks : tuple of str
        Sentences that the user should see.
    status : str
        Of the error (`fingerprint.errors.SourceprintError`), where the audio cannot be used.
    """

    kind: str
    recording_id: str = ""
    before: Recording | None = None
    remarks: tuple[str, ...] = ()
    status: str = ""


def derived_id(path: Path) -> str:
    r"""Return the id that a file name suggests: its stem, composed characters, on one line, at most 200 characters.

    Examples
    --------
    >>> derived_id(Path("music/01 Intro.mp3"))
    '01 Intro'
    >>> print(derived_id(Path("a\nb.wav")))
    a\nb
    """
    return printable(unicodedata.normalize("NFC", path.stem))[:_MAX_DERIVED_ID]


def described_by(item: Item, recording: Recording) -> Recording:
    """Return the recording with title, artists, ISRC, tags and exclusions as the item gives them, where it gives any.

    Raises
    ------
    ParameterError
        If the item excludes a range beyond the end of the recording.
    """
    return replace(
        recording,
        title=item.title or recording.title,
        artists=item.artists or recording.artists,
        isrc=item.isrc or recording.isrc,
        tags=item.tags or recording.tags,
        excluded=item.excluded or recording.excluded,
    )


class IdDesk:
    """Gives out the ids of one run.

    Parameters
    ----------
    snapshot : Snapshot or None
        The index before the run; None if there is none yet.
    """

    def __init__(self, snapshot: Snapshot | None) -> None:
        self._snapshot = snapshot
        self._given: dict[str, Path] = {}
        self._audio: dict[str, str] = {}

    def decide_new(self, item: Item) -> PlannedAddition:
        """Decide on an item that is to be added; a file that cannot be read ends up as "failed"."""
        try:
            return self._decide_new(item, self._wanted_id(item))
        except (AudioError, ParameterError) as error:
            return PlannedAddition("failed", remarks=(item.reason(error),), status=error.status)

    def decide_replacement(self, item: Item) -> PlannedAddition:
        """Decide on an item that is to take the place of a recording; as `decide_new`."""
        try:
            recording_id = self._wanted_id(item, replacing=True)
        except AudioError as error:
            return PlannedAddition("failed", remarks=(item.reason(error),), status=error.status)
        name = printable(recording_id)
        before = self._stored(recording_id)
        if recording_id in self._given:
            return self._failed(recording_id, "")
        if before is None:
            return PlannedAddition(
                "failed", recording_id, remarks=(f"the index has no recording {name} to replace; add it",)
            )
        recording_id = before.id  # the item may give one that it had before
        self._given[recording_id] = item.path
        try:
            if known_audio_digest(item.path) == before.sha256 and described_by(item, before) == before:
                return PlannedAddition("unchanged", recording_id)
        except (AudioError, ParameterError) as error:
            return PlannedAddition("failed", recording_id, remarks=(item.reason(error),), status=error.status)
        return PlannedAddition("replace", recording_id, before)

    def note_added(self, recording: Recording) -> tuple[str, ...]:
        """Note that a recording is being added, and return the ids of others that have the same audio."""
        stored = [] if self._snapshot is None else [other.id for other in self._snapshot.by_sha256(recording.sha256)]
        first = self._audio.setdefault(recording.sha256, recording.id)
        return tuple(name for name in dict.fromkeys([*stored, first]) if name != recording.id)

    def _decide_new(self, item: Item, wanted: str) -> PlannedAddition:
        if not self._is_taken(wanted):
            return self._give(item, wanted)
        digest = known_audio_digest(item.path)
        if digest == self._owner_digest(wanted):
            return self._unchanged(item, wanted)
        if item.id:
            return self._failed(wanted, "is in the index with other audio; replace it, or give another id")
        longer = f"{wanted}-{digest[:8]}"
        if not self._is_taken(longer):
            return self._give(item, longer, f"the id {wanted} belongs to other audio, so this is {longer}")
        if digest == self._owner_digest(longer):
            return self._unchanged(item, longer)
        return self._failed(longer, "is in the index with other audio; give an id in a list")

    def _give(self, item: Item, recording_id: str, *remarks: str) -> PlannedAddition:
        self._given[recording_id] = item.path
        return PlannedAddition("add", recording_id, remarks=remarks)

    def _unchanged(self, item: Item, recording_id: str) -> PlannedAddition:
        stored = self._stored(recording_id)
        if stored is None or described_by(item, stored) == stored:
            return PlannedAddition("unchanged", recording_id)
        name = printable(recording_id)
        remark = f"{name} is in the index under another title, artist or ISRC; amend changes them"
        if described_by(replace(item, title="", artists=(), isrc=""), stored) != stored:
            remark = f"{name} is in the index with other tags or exclusions; tag, exclude and replace change them"
        return PlannedAddition("unchanged", recording_id, remarks=(remark,))

    def _failed(self, recording_id: str, reason: str) -> PlannedAddition:
        if recording_id in self._given:
            reason = f"was given to {printable(self._given[recording_id])} before in this run; give another id"
        return PlannedAddition("failed", recording_id, remarks=(f"the id {printable(recording_id)} {reason}",))

    def _wanted_id(self, item: Item, *, replacing: bool = False) -> str:
        """Return the id that an item is to have, if that is free; errors as `audio_name` and `known_audio_digest`."""
        if item.id:
            return item.id
        named = derived_id(Path(item.called or audio_name(item.path)))
        if not item.isrc:
            return named
        stored = None if self._stored(item.isrc) is not None else self._stored(named)
        if stored is not None and stored.isrc in ("", item.isrc):  # added before its ISRC was an id, or was known
            return named if replacing or stored.sha256 == known_audio_digest(item.path) else item.isrc
        return item.isrc

    def _is_taken(self, recording_id: str) -> bool:
        return recording_id in self._given or self._stored(recording_id) is not None

    def _owner_digest(self, recording_id: str) -> str:
        if recording_id in self._given:
            try:
                return known_audio_digest(self._given[recording_id])
            except AudioError:
                return ""  # gone or unreadable: it counts as other audio
        stored = self._stored(recording_id)
        return "" if stored is None else stored.sha256

    def _stored(self, recording_id: str) -> Recording | None:
        if self._snapshot is None:
            return None
        ordinal = self._snapshot.recordings.find(recording_id)
        return None if ordinal is None else self._snapshot.recordings[ordinal]
