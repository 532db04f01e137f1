"""What the log of a run says about the rows on record: who made them, and which files were about to be moved.

In comes the folder of a run, as `evidence.runs.journal` writes it. A log of which the end was lost tells less, never
anything that is not so.
"""

from collections import Counter
from collections.abc import Container
from pathlib import Path

from evidence.runs.folder import read_events

__all__ = ["made_by_others", "unfinished_moves"]


def made_by_others(folder: Path, names: Container[str], version: str) -> dict[str, int]:
    """Return how many rows on record other versions of the program made, by version, in order of version.

    Parameters
    ----------
    folder : Path
        Of the run.
    names : container of str
        The names on record.
    version : str
        The version that does not count as another.
    """
    makers: dict[str, str] = {}
    at_work = ""
    for event in read_events(folder, "session start", "scanned", "known", "put back"):
        name = event.get("name")
        if event["event"] == "session start":
            at_work = str(event.get("version", ""))
        elif not isinstance(name, str):
            continue
        elif event["event"] == "scanned":
            makers[name] = at_work
        elif (maker := makers.get(str(event.get("of")))) is not None:
            makers[name] = maker
    counts = Counter(maker for name, maker in makers.items() if name in names and maker not in ("", version))
    return dict(sorted(counts.items()))


def unfinished_moves(folder: Path) -> dict[Path, Path]:
    """Return, by place that the last session reserved for a file, where the file was; some may have been moved since.

    To be asked before another session begins.
    """
    reserved: dict[Path, Path] = {}
    for event in read_events(folder, "session start", "reserved"):
        if event["event"] == "session start":
            reserved.clear()
        elif isinstance(event.get("name"), str) and isinstance(event.get("to"), str):
            reserved[Path(event["to"])] = Path(event["name"])
    return reserved
