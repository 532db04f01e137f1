"""Both sides of a match on the page of a use: players in step, and spectrograms with landmarks.

The spectrograms with landmarks are those of the page of evidence that the scan of the track was kept with. Where there
is none, or it lacks one of the two pictures, these are drawn from the audio that is at hand. The players, their script
and their geometry are those of the pages of evidence.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Request
from markupsafe import Markup
from starlette.responses import Response

from fingerprint.errors import AudioError, EvidenceError
from fingerprint.params import Params
from sourceprint.evidence.pages.figures import STAGE
from sourceprint.evidence.pages.page import Inset, spectra_in, unstyled
from sourceprint.evidence.pages.recording_view import numbered
from sourceprint.evidence.pages.sounds import MEDIA_TYPE, Sound, excerpts
from sourceprint.evidence.pages.spectra import Stretch, picture, pooled_cells, shades
from sourceprint.royalties.review.facts import current_use
from sourceprint.royalties.uses.use import Use
from sourceprint.service.console.pages import fragment
from sourceprint.service.console.queue.audio_at_hand import KeptScan, kept_scan, recording_audio, track_audio
from sourceprint.service.console.queue.decision import rights_of
from sourceprint.service.console.visitors import ConsoleRoute, Visitor, as_role
from sourceprint.service.line.evidence import EVIDENCE_PAGE, find_evidence
from sourceprint.service.people.roles import Role
from sourceprint.service.web.byte_ranges import send_bytes
from sourceprint.service.web.problems import Refused

__all__ = ["match_of", "router"]

router = APIRouter(prefix="/console/review", include_in_schema=False, route_class=ConsoleRoute)

_Listener = Annotated[Visitor, as_role(Role.ADMIN, Role.REVIEWER, Role.AUDITOR)]

_MOST_SHOWN = 6  # passages of one use
_AROUND_SECONDS = 2.0  # heard before and after a passage
_EXCERPT_SECONDS = 30.0
_SEEN_AROUND_SECONDS = 0.6  # as in the figures of evidence
_MOST_COLUMNS = STAGE.right - STAGE.left
_COLUMNS_PER_SECOND = 40.0
_SIDES = ("track", "recording")
_WHY = re.compile(r' <span class="why">.*?</span>', re.DOTALL)  # why a picture was missing when the page was made


@dataclass(frozen=True, slots=True)
class _Side:
    """A passage of a match on one line: where it is in the track, and how fast the recording goes there."""

    number: int  # among the passages of the scan, as a use counts them
    start: float  # of the passage in the track, in seconds
    end: float
    there: float  # of its start in the recording
    ratio: float
    stream: int

    @property
    def excerpt(self) -> tuple[float, float]:
        """Start and end of what is heard of the track, in seconds."""
        start = max(0.0, self.start - _AROUND_SECONDS)
        return start, min(self.end + _AROUND_SECONDS, start + _EXCERPT_SECONDS)

    @property
    def seen(self) -> tuple[float, float]:
        """Start and end of what is drawn of the track, in seconds."""
        return max(0.0, self.start - _SEEN_AROUND_SECONDS), self.end + _SEEN_AROUND_SECONDS

    def along(self, track_seconds: float) -> float:
        """Return the time in the recording that corresponds to one in the track."""
        return self.there + self.ratio * (track_seconds - self.start)

    def span(self, side: str, between: tuple[float, float]) -> tuple[float, float]:
        """Return a span of the track as it lies on one side."""
        return between if side == "track" else (self.along(between[0]), self.along(between[1]))


def match_of(visitor: Visitor, use: Use, scan: KeptScan | None) -> Inset:
    """Return the passages of a use as players and figures, with their styles."""
    sounds = {"track": track_audio(visitor, use), "recording": recording_audio(visitor, use)}
    sides = _sides(use, scan)
    figures: dict[int, str] = {}
    if scan is not None and scan.has_page:
        with visitor.server.database.reading() as connection:
            page = find_evidence(connection, scan.job_id, EVIDENCE_PAGE)
        try:
            on_page = spectra_in((page and page.content) or b"")
        except EvidenceError:  # erased just now
            on_page = {}
        drawn = {id(one): number for number, _, one in numbered(scan.result)}
        stated = [one for match in scan.result.matches for one in match.passages]
        figures = {
            one.number: on_page.get(drawn[id(stated[one.number])], "") for one in sides if one.number < len(stated)
        }
    shown = [
        {
            "side": one,
            "length": one.excerpt[1] - one.excerpt[0],
            "there": one.along(one.excerpt[0]),
            "figure": _completed(figures.get(one.number, ""), use, one, sounds),
        }
        for one in sides[:_MOST_SHOWN]
    ]
    why = list(dict.fromkeys(sound.why_not for sound in sounds.values() if sound.why_not))
    return unstyled(
        fragment(
            "review_match.html", use=use, shown=shown, n_left=max(0, len(sides) - _MOST_SHOWN), stage=STAGE,
            sounds=sounds, why=why, has_figures=any(figures.values()),
        )
    )  # fmt: skip


@router.get("/{use_id}/sound/{number}/{side}")
def get_sound(visitor: _Listener, request: Request, use_id: str, number: int, side: str) -> Response:
    """Give a passage of the track or of the recording to be heard, where this service keeps its audio."""
    one, sound = _found(visitor, use_id, number, side)
    try:
        content = _excerpt(sound, one.span(side, one.excerpt), one.stream if side == "track" else 0)
    except AudioError as error:
        raise Refused(404, "no audio", "the audio could not be decoded") from error
    return send_bytes(request, content, MEDIA_TYPE)


@router.get("/{use_id}/picture/{number}/{side}")
def get_picture(visitor: _Listener, use_id: str, number: int, side: str) -> Response:
    """Give the spectrogram of a passage of the track or of the recording, where this service keeps its audio."""
    one, sound = _found(visitor, use_id, number, side)
    try:
        content = _picture(sound, one.seen, one.span(side, one.seen), one.stream if side == "track" else 0)
    except AudioError as error:
        raise Refused(404, "no audio", "the audio could not be decoded") from error
    return Response(content, media_type="image/png")


def _found(visitor: Visitor, use_id: str, number: int, side: str) -> tuple[_Side, Path]:
    if side not in _SIDES:
        raise Refused(404, "not found", "there is no such side of a match")
    with rights_of(visitor).reading() as connection:
        use = current_use(connection, use_id)
    one = next((each for each in _sides(use, kept_scan(visitor, use)) if each.number == number), None)
    sound = track_audio(visitor, use) if side == "track" else recording_audio(visitor, use)
    if one is None or sound.path is None:
        raise Refused(404, "no audio", sound.why_not or f"use {use_id[:25]} has no passage {number}")
    return one, sound.path


def _sides(use: Use, scan: KeptScan | None) -> list[_Side]:
    """Return the passages of a use, each once: as the scan states them where its result is kept, else as they count."""
    stated = [] if scan is None else [one for match in scan.result.matches for one in match.passages]
    found: dict[int, _Side] = {}
    for one in use.passages:
        if one.number in found:
            continue
        span = (one.start_ms, one.end_ms, one.recording_start_ms, one.recording_end_ms)
        stream = 0
        if one.number < len(stated):
            whole = stated[one.number]
            if whole.track_start_ms <= one.start_ms and one.end_ms <= whole.track_end_ms:
                span = (
                    whole.track_start_ms, whole.track_end_ms, whole.recording_start_ms, whole.recording_end_ms
                )  # fmt: skip
                streams: Sequence[int] = whole.streams or ()
                stream = streams[0] if streams else 0
        start, end, there, there_end = (value / 1000 for value in span)
        found[one.number] = _Side(one.number, start, end, there, (there_end - there) / max(end - start, 0.001), stream)
    return list(found.values())


def _completed(figure: str, use: Use, one: _Side, sounds: dict[str, Sound]) -> Markup:
    """Return a figure of a page of evidence with a cursor, and with a picture that it lacks and for which audio is."""
    if not figure:
        return Markup()
    images = ""
    for side, top, bottom in (
        ("track", STAGE.track_top, STAGE.track_bottom),
        ("recording", STAGE.recording_top, STAGE.recording_bottom),
    ):
        alt = f'alt="Spectrogram of the {"generated track" if side == "track" else "recording"}'
        if alt not in figure and sounds[side].path is not None:
            images += fragment(
                "review_picture.html", use=use, number=one.number, side=side, top=top, bottom=bottom, stage=STAGE
            )  # fmt: skip
    cursor = "" if all(sound.path is None for sound in sounds.values()) else '<div class="cursor" hidden></div>'
    before, svg, after = _WHY.sub("", figure).partition("<svg ")
    return Markup(before + images + svg + after.replace("</svg>", f"</svg>{cursor}", 1))


@lru_cache(maxsize=64)
def _excerpt(path: Path, span: tuple[float, float], stream: int) -> bytes:
    (content,) = excerpts(path, [span], stream=stream)
    return content


@lru_cache(maxsize=64)
def _picture(path: Path, seen: tuple[float, float], span: tuple[float, float], stream: int) -> bytes:
    n_columns = max(24, min(_MOST_COLUMNS, int((seen[1] - seen[0]) * _COLUMNS_PER_SECOND)))
    stretch, params = Stretch(*span, n_columns), Params()
    (power,) = pooled_cells(path, [stretch], params, stream=stream)
    return picture(shades(power, stretch, params))
