"""Content of a recording's page: the tracks that reuse it, where, for how long, and those that it fits beside another.

In come the results of a scan, gathered by recording (`reuses_of`); out comes a plain record for the template. Passages
link to the pages of their tracks, by the numbers that they have there. Times are milliseconds until they are shown.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from index.search.matches import union_seconds
from sourceprint.evidence.pages.addresses import recording_address
from sourceprint.evidence.pages.geometry import LEAST_OF_LANE, Scale, rows_of_spans, time_ticks
from sourceprint.evidence.pages.listing import ListedColumn, listing
from sourceprint.evidence.pages.words import changed, share, span, title_and_id
from sourceprint.scans.results import ResultAlternative, ResultMatch, ResultPassage, ScanResult
from sourceprint.text.names import in_number_order
from sourceprint.text.tables import clock, counted

__all__ = ["Reuse", "numbered", "recording_row", "recording_view", "reuses_of"]

_MOST_LANES = 40

_TRACKS = (
    ListedColumn("name", "Track", link="page"),
    ListedColumn("reused", "Matched", "clock"),
    ListedColumn("share", "Of the track", "percent"),
    ListedColumn("passages", "Passages", "count"),
    ListedColumn("where", "In the recording"),
    ListedColumn("p", "By chance", "odds"),
    ListedColumn("q", "q-value", "exponent"),
)
_PASSAGES = (
    ListedColumn("name", "Track", link="page"),
    ListedColumn("track", "In the track"),
    ListedColumn("recording", "In the recording", "order"),
    ListedColumn("changed", "How it was changed"),
    ListedColumn("landmarks", "Landmarks", "count"),
    ListedColumn("p", "By chance", "odds"),
)
_OTHERS = (
    ListedColumn("name", "Track", link="page"),
    ListedColumn("track", "In the track"),
    ListedColumn("recording", "In this recording"),
    ListedColumn("how", "How well"),
    ListedColumn("named", "Named first", link="named_page"),
)


@dataclass(frozen=True, slots=True)
class _Heard:
    """A passage of the recording in a track, with its number on the page of the track."""

    result: ScanResult
    number: int
    match: ResultMatch
    passage: ResultPassage


@dataclass(slots=True)
class Reuse:
    """A recording, and where it was found.

    Attributes
    ----------
    recording_id : str
    title, isrc : str
        Or "".
    artists : tuple of str
    length_ms : int
        Of the recording; 0 if unknown.
    heard : list
        Its passages.
    besides : list
        Passages that are named for other recordings, and that it fits as well or nearly so.
    """

    recording_id: str
    title: str = ""
    isrc: str = ""
    artists: tuple[str, ...] = ()
    length_ms: int = 0
    heard: list[_Heard] = field(default_factory=list)
    besides: list[_Heard] = field(default_factory=list)

    @property
    def by_track(self) -> dict[str, list[_Heard]]:
        """Its passages by the name of their track, those with most time matched first."""
        found: dict[str, list[_Heard]] = {}
        for heard in self.heard:
            found.setdefault(heard.result.name, []).append(heard)
        return dict(sorted(found.items(), key=lambda pair: (-_track_ms(pair[1]), in_number_order(pair[0]))))

    @property
    def reused_ms(self) -> int:
        """Time matched in all tracks."""
        return sum(map(_track_ms, self.by_track.values()))

    @property
    def recording_ms(self) -> int:
        """Time of the recording that is heard in any track."""
        spans = [(h.passage.recording_start_ms, h.passage.recording_end_ms) for h in self.heard]
        return round(union_seconds(spans))


def reuses_of(results: Sequence[ScanResult]) -> list[Reuse]:
    """Return every recording that is found, or named beside one, in tracks: those with most time matched first."""
    found: dict[str, Reuse] = {}
    for result in results:
        for number, match, passage in numbered(result):
            heard = _Heard(result, number, match, passage)
            reuse = found.setdefault(match.recording_id, Reuse(match.recording_id))
            reuse.heard.append(heard)
            reuse.title, reuse.isrc, reuse.artists = match.title or "", match.isrc or "", match.artists
            reuse.length_ms = match.recording_duration_ms or reuse.length_ms
            for other in passage.also_fits:
                found.setdefault(other, Reuse(other)).besides.append(heard)
            for one in passage.alternatives:
                other_reuse = found.setdefault(one.recording_id, Reuse(one.recording_id))
                other_reuse.title = other_reuse.title or one.title or ""
                other_reuse.isrc = other_reuse.isrc or one.isrc or ""
                other_reuse.artists = other_reuse.artists or one.artists
    return sorted(found.values(), key=lambda reuse: (-reuse.reused_ms, reuse.recording_id))


def numbered(result: ScanResult) -> Iterator[tuple[int, ResultMatch, ResultPassage]]:
    """Yield the passages of a track in order of its time, with their numbers on its page, from 1."""
    found = [(match, passage) for match in result.matches for passage in match.passages]
    found.sort(key=lambda pair: (pair[1].track_start_ms, pair[1].track_end_ms, pair[0].recording_id))
    for number, (match, passage) in enumerate(found, start=1):
        yield number, match, passage


def recording_row(reuse: Reuse, pages: Mapping[str, str], folder: str) -> dict[str, Any]:
    """Return the overview's row of a recording."""
    by_track = reuse.by_track
    most = next(iter(by_track), None)
    return {
        "name": title_and_id(reuse.title, reuse.recording_id),
        "page": recording_address(reuse.recording_id),
        "tracks": len(by_track) or None,
        "reused": reuse.reused_ms or None,
        "share": round(100 * reuse.recording_ms / reuse.length_ms, 1) if reuse.heard and reuse.length_ms else None,
        "most": None if most is None else most[len(folder) :],
        "most_page": pages.get(most or "", ""),
        "p": min((heard.passage.p_false for heard in reuse.heard), default=None),
        "others": len({heard.result.name for heard in reuse.besides}) or None,
    }


def recording_view(
    reuse: Reuse, pages: Mapping[str, str], rates: Mapping[tuple[str, str], float], folder: str
) -> dict[str, Any]:
    """Return the content of a recording's page.

    Parameters
    ----------
    reuse : Reuse
        The recording.
    pages : mapping of str to str
        Address of the page of each track that has one, by name, from the folder of the report.
    rates : mapping
        q-values, by name of the track and id of the recording.
    folder : str
        That all names of tracks begin with.
    """
    ways = {name: f"../{page}" for name, page in pages.items()}
    by_track = reuse.by_track
    last_ms = max((h.passage.recording_end_ms for h in reuse.heard), default=0)
    length_ms = max(reuse.length_ms, last_ms, 1)
    in_order = sorted(reuse.heard, key=lambda h: (h.passage.recording_start_ms, h.passage.recording_end_ms))
    return {
        "name": reuse.title or reuse.recording_id,
        "id": reuse.recording_id,
        "artists": ", ".join(reuse.artists),
        "isrc": reuse.isrc,
        "length": clock(reuse.length_ms / 1000) if reuse.length_ms else "",
        "verdict": _verdict(reuse),
        "folder": folder,
        "lanes": [_lane(name, found, ways, folder, length_ms) for name, found in [*by_track.items()][:_MOST_LANES]],
        "n_tracks": len(by_track),
        "lane_ticks": time_ticks(Scale(0.0, length_ms / 1000, 0.0, 100.0), most=8),
        "tracks": listing(
            _TRACKS,
            [_track_row(name, found, ways, rates, folder) for name, found in by_track.items()],
            noun="track",
            order="those with most time matched first",
            by="-reused",
        ),
        "passages": listing(
            _PASSAGES,
            [_passage_row(heard, ways, folder) for heard in in_order],
            noun="passage",
            order="by their place in the recording",
            by="recording",
        ),
        "besides": listing(
            _OTHERS,
            [_beside_row(reuse.recording_id, heard, ways, folder) for heard in reuse.besides],
            noun="passage",
            order="in the order of the tracks",
        ),
    }


def _verdict(reuse: Reuse) -> str:
    n_tracks, n_others = len(reuse.by_track), len({heard.result.name for heard in reuse.besides})
    if not n_tracks:
        others = counted(n_others, "track", groups=True)
        return (
            f"No track is matched to this recording first. It fits passages of {others} as well as the recording that "
            "is named, or nearly so."
        )
    tracks, heard = counted(n_tracks, "track", groups=True), clock(reuse.recording_ms / 1000)
    of_it = f" ({share(reuse.recording_ms, reuse.length_ms)})" if reuse.length_ms else ""
    return (
        f"Evidence of reuse in {tracks}, for {clock(reuse.reused_ms / 1000)}; {heard}{of_it} of the recording is heard."
    )


def _lane(name: str, found: Sequence[_Heard], ways: Mapping[str, str], folder: str, length_ms: int) -> dict[str, Any]:
    ordered = sorted(found, key=lambda h: (h.passage.recording_start_ms, h.passage.recording_end_ms, h.number))
    spans = [(float(h.passage.recording_start_ms), float(h.passage.recording_end_ms)) for h in ordered]
    rows: dict[int, list[dict[str, Any]]] = {}
    for row, (start, end), heard in zip(
        rows_of_spans(spans, least=LEAST_OF_LANE * length_ms), spans, ordered, strict=True
    ):
        rows.setdefault(row, []).append(
            {
                "number": heard.number,
                "href": _passage_way(heard, ways),
                "left": f"{100 * start / length_ms:.2f}",
                "width": f"{100 * (end - start) / length_ms:.2f}",
                "text": f"Passage {heard.number} of the track: {_spans(heard.passage)}",
            }
        )
    return {
        "name": name[len(folder) :],
        "page": ways.get(name, ""),
        "covered": clock(_track_ms(found) / 1000),
        "rows": [rows[k] for k in sorted(rows)],
    }


def _track_row(
    name: str, found: Sequence[_Heard], ways: Mapping[str, str], rates: Mapping[tuple[str, str], float], folder: str
) -> dict[str, Any]:
    result, reused = found[0].result, _track_ms(found)
    first = min(heard.passage.recording_start_ms for heard in found)
    last = max(heard.passage.recording_end_ms for heard in found)
    return {
        "name": name[len(folder) :],
        "page": ways.get(name, ""),
        "reused": reused,
        "share": round(100 * reused / result.duration_ms, 1) if result.duration_ms else None,
        "passages": len(found),
        "where": span(first, last),
        "p": min(heard.passage.p_false for heard in found),
        "q": float(f"{rates[name, found[0].match.recording_id]:.2g}"),
    }


def _passage_row(heard: _Heard, ways: Mapping[str, str], folder: str) -> dict[str, Any]:
    passage = heard.passage
    return {
        "name": f"{heard.result.name[len(folder) :]}, passage {heard.number}",
        "page": _passage_way(heard, ways),
        "track": span(passage.track_start_ms, passage.track_end_ms),
        "recording": span(passage.recording_start_ms, passage.recording_end_ms),
        "changed": changed(passage),
        "landmarks": passage.aligned_landmarks,
        "p": passage.p_false,
    }


def _beside_row(recording_id: str, heard: _Heard, ways: Mapping[str, str], folder: str) -> dict[str, Any]:
    known = [one for one in heard.passage.alternatives if one.recording_id == recording_id]
    passage = heard.passage
    return {
        "name": f"{heard.result.name[len(folder) :]}, passage {heard.number}",
        "page": _passage_way(heard, ways),
        "track": "; ".join(span(one.track_start_ms, one.track_end_ms) for one in known)
        or span(passage.track_start_ms, passage.track_end_ms),
        "recording": "; ".join(span(one.recording_start_ms, one.recording_end_ms) for one in known) or None,
        "how": "; ".join(map(_how_well, known)) or "nearly as well",
        "named": title_and_id(heard.match.title, heard.match.recording_id),
        "named_page": f"../{recording_address(heard.match.recording_id)}",
    }


def _how_well(one: ResultAlternative) -> str:
    what = "the same audio" if one.same_audio else "nearly as well"
    return f"{what}, {changed(one)}, {counted(one.aligned_landmarks, 'landmark')}"


def _passage_way(heard: _Heard, ways: Mapping[str, str]) -> str:
    way = ways.get(heard.result.name, "")
    return f"{way}#row-{heard.number}" if way else ""


def _spans(passage: ResultPassage) -> str:
    return (
        f"{span(passage.track_start_ms, passage.track_end_ms)} of the track, "
        f"{span(passage.recording_start_ms, passage.recording_end_ms)} of the recording"
    )


def _track_ms(found: Sequence[_Heard]) -> int:
    return round(union_seconds([(h.passage.track_start_ms, h.passage.track_end_ms) for h in found]))
