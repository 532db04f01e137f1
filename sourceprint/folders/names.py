"""How the names of files end: those of audio, and those that downloads and copies have until they are done."""

import re
from pathlib import PurePath

__all__ = ["AUDIO_SUFFIXES", "hints_at_audio", "is_unfinished"]

_AUDIO = (
    "3gp aac aax ac3 adts aif aifc aiff amr ape au awb bwf caf dff dsf dts ec3 eac3 flac gsm m4a m4b m4r mka mlp mp1 "
    "mp2 mp3 mpa mpc mpga oga ofr ogg oma opus ra rf64 shn snd spx tak thd tta voc w64 wav wave weba wma wv"
)
_VIDEO = "avi asf f4v flv m2ts m4v mkv mov mp4 mpeg mpg mxf ogv rm vob webm wmv"  # whose sound is taken

AUDIO_SUFFIXES = frozenset(f".{ending}" for ending in f"{_AUDIO} {_VIDEO}".split())
"""A file in a folder whose name ends so is taken for audio without a look at its content."""

_MORE = "bak|backup|old|orig|save|copy|part|partial|tmp|crdownload|download|filepart|opdownload|gz|bz2|xz|zst"
_HINT = re.compile(
    rf"\.(?:{'|'.join(sorted(suffix[1:] for suffix in AUDIO_SUFFIXES))})(?:[^a-z]*(?:{_MORE}))?[^a-z]*", re.IGNORECASE
)
_UNFINISHED = (".part", ".partial", ".tmp", ".crdownload", ".download", ".filepart", ".opdownload", ".!ut")
_OF_RSYNC = re.compile(r"\..+\.[A-Za-z0-9]{6}")


def hints_at_audio(name: str) -> bool:
    """Return whether a name has the ending of audio in it, though not at its end.

    Examples
    --------
    >>> hints_at_audio("song.wav.1"), hints_at_audio("song.mp3 (copy)"), hints_at_audio("song.wav.peaks")
    (True, True, False)
    """
    start = name.find(".")
    while start >= 0:
        if _HINT.fullmatch(name, start):
            return True
        start = name.find(".", start + 1)
    return False


def is_unfinished(path: PurePath | str) -> bool:
    """Return whether a file has the name that downloads and copies have until they are done.

    Examples
    --------
    >>> is_unfinished("song.wav.part"), is_unfinished(".song.wav.Xy12Za"), is_unfinished("song.wav")
    (True, True, False)
    """
    name = PurePath(path).name
    return name.lower().endswith(_UNFINISHED) or _OF_RSYNC.fullmatch(name) is not None
