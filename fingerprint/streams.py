"""Every audio stream of a track, one after the other, all on the timeline of the file.

A film has its sound in several languages, a session its microphones, a game its music beside its effects: any stream
may hold the music. Each is described as a track of its own. One without music is passed over, as silence is in any
file; one that cannot be decoded is not: `unsearched` names it, and where no other holds music the file is an error.

Times are presentation times, the same in all streams; the length of the track is that of the longest.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

from fingerprint.arguments import expect_scales
from fingerprint.errors import AudioError, DecodeError, NotEnoughMusicError, TooShortError, printable
from fingerprint.extract import MOST_STREAMS, audio_stream_count, too_many_streams, track_parts
from fingerprint.landmarks import Fingerprint

__all__ = ["TrackStreams", "is_unsearched", "notes_on_unsearched"]

_NOT_SEARCHED = "not searched: "


class TrackStreams:
    """The audio streams of one track, to be gone through once.

    Parameters
    ----------
    path : Path
        Audio, or a fingerprint file of it.
    scales : tuple of float
        Time scales at which to describe each landmark.

    Attributes
    ----------
    count : int
        Audio streams of the file; 0 until the parts are asked for.
    unsearched : tuple of int
        Numbers, from 1, of streams that could not be decoded; complete once the parts are exhausted.
    notes : tuple of str
        Sentences on anything odd about the audio; complete once the parts are exhausted. Where there are several
        streams, each sentence names its own.
    sha256, decoder : str
        Of the file; "" until a part was described.
    duration_seconds : float
        Where the longest stream ends, as far as it was described.

    Raises
    ------
    ParameterError
        If `scales` are no positive numbers.
    """

    def __init__(self, path: Path, *, scales: tuple[float, ...]) -> None:
        self.count = 0
        self.unsearched: tuple[int, ...] = ()
        self.notes: tuple[str, ...] = ()
        self.sha256 = ""
        self.decoder = ""
        self.duration_seconds = 0.0
        self._path = path
        self._scales = scales
        expect_scales(scales)

    def parts(self) -> Iterator[Fingerprint]:
        """Yield the parts of each stream in order of time, stream by stream; `Fingerprint.stream` says which.

        Raises
        ------
        DecodeError
            If the file or its streams cannot be decoded, or there are too many; the message says why.
        TooShortError, NotEnoughMusicError
            At the end, if no stream holds enough.
        """
        self.count = audio_stream_count(self._path)
        if self.count == 1:
            for part in track_parts(self._path, scales=self._scales):
                self._take(part)
                self.notes = part.notes
                yield part
            return
        if self.count > MOST_STREAMS:
            raise DecodeError(f"{printable(self._path)}: {too_many_streams(self.count)}")
        quiet: list[AudioError] = []
        for number in range(1, self.count + 1):
            notes: tuple[str, ...] = ()
            try:
                for part in track_parts(self._path, scales=self._scales, stream=number):
                    self._take(part)
                    notes = part.notes
                    yield part
            except (TooShortError, NotEnoughMusicError) as error:
                quiet.append(error)
                notes = (f"holds too little music to be searched ({self._plain(error)})",)
            except DecodeError as error:
                self.unsearched += (number,)
                notes = (f"{_NOT_SEARCHED}{self._plain(error)}",)
            self.notes += tuple(f"stream {number} of {self.count}: {note}" for note in notes)
        if self.sha256:
            return
        said = f"{printable(self._path)}: none of its {self.count} audio streams could be searched: "
        said += "; ".join(self.notes)
        if self.unsearched:
            raise DecodeError(said)
        is_long = any(isinstance(error, NotEnoughMusicError) for error in quiet)
        raise NotEnoughMusicError(said) if is_long else TooShortError(said)

    def _take(self, part: Fingerprint) -> None:
        self.sha256, self.decoder = part.sha256, part.decoder
        self.duration_seconds = max(self.duration_seconds, part.start_seconds + part.duration_seconds)

    def _plain(self, error: AudioError) -> str:
        """Return the message of an error without the name of the file."""
        message = str(error)
        for name in (printable(self._path), printable(self._path.name)):
            message = message.removeprefix(name)
        return message.removeprefix(":").strip()


def notes_on_unsearched(notes: Iterable[str]) -> str:
    """Return those notes on a track that name streams that could not be searched.

    Examples
    --------
    >>> notes_on_unsearched(["stream 1 of 2: clipped: ...", "stream 2 of 2: not searched: no decoder for its audio"])
    'stream 2 of 2: not searched: no decoder for its audio'
    """
    return "; ".join(note for note in notes if is_unsearched(note))


def is_unsearched(note: str) -> bool:
    """Return whether a note on a track names a stream that could not be searched."""
    return note.partition(": ")[2].startswith(_NOT_SEARCHED)
