"""Recordings that a repair could not keep, as a list that `add` takes (`sourceprint.lists`)."""

import csv
import io
from collections.abc import Iterable

from index.storage.recordings import Recording
from index.storage.tags import ranges_text

__all__ = ["lost_list"]

_COLUMNS = ("path", "id", "title", "artists", "isrc", "tags", "exclude")


def lost_list(recordings: Iterable[Recording]) -> bytes:
    r"""Return recordings as CSV, one per row; `path` is the name that the audio file had.

    Examples
    --------
    >>> lost_list([Recording("a-1", "One", ("A", "B"), name="one.wav", tags=("sync",), excluded=((0, 9000),))])
    b'path,id,title,artists,isrc,tags,exclude\r\none.wav,a-1,One,A|B,,sync,0:00-0:09\r\n'
    """
    text = io.StringIO(newline="")
    rows = csv.writer(text)
    rows.writerow(_COLUMNS)
    for one in recordings:
        joined = ("|".join(one.artists), one.isrc, "|".join(one.tags), ranges_text(one.excluded))
        rows.writerow((one.name, one.id, one.title, *joined))
    return text.getvalue().encode("utf-8", "backslashreplace")
