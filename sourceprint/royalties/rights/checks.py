"""Checks of the rights as a whole: faults between records, which no single row shows.

Input: the current records, each kind once and in order. Output: findings in a fixed order: recordings, works, their
links, shares subject by subject, recordings without works, licences, choices, circles, and differences between the
index and the rights. Shares are not held in memory; licences, ids, codes, links and names of parties are.

The shares of one right in one subject are summed in every territory that any of them names and in the rest of the
world, on every day. More than the whole is an *overclaim*, which statements hold. Less is *unclaimed*, and so is a
share without a known party.
"""

from collections.abc import Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, Table

from fingerprint.errors import ParameterError
from sourceprint.identifiers.iswc import format_iswc
from sourceprint.royalties.percentages import format_percent
from sourceprint.royalties.rights import schema
from sourceprint.royalties.rights.findings import Finding, find_circles
from sourceprint.royalties.rights.licences import Licence
from sourceprint.royalties.rights.records import (
    OptChoice,
    Party,
    RecordingPart,
    RecordingWork,
    RightsRecording,
    Share,
    Work,
)
from sourceprint.royalties.rights.rights import all_records
from sourceprint.royalties.rights.share_sums import Sum, sums_of_shares
from sourceprint.text.tables import first_of

__all__ = ["Records", "check_rights", "check_shares"]

_MAX_NAMED = 8
_DOUBLE = "correct one of them"


@dataclass(frozen=True, slots=True)
class Records:
    """All current records of a catalogue of rights; each iterable is read once.

    Attributes
    ----------
    parties, recordings, works, licences : iterable of records
        By id.
    choices : iterable of OptChoice
        By id.
    links : iterable of RecordingWork
        By recording, work.
    parts : iterable of RecordingPart
        By recording.
    master_shares, work_shares : iterable of Share
        By subject, then id: the shares of one subject follow each other.
    """

    parties: Iterable[Party] = ()
    recordings: Iterable[RightsRecording] = ()
    works: Iterable[Work] = ()
    links: Iterable[RecordingWork] = ()
    parts: Iterable[RecordingPart] = ()
    master_shares: Iterable[Share] = ()
    work_shares: Iterable[Share] = ()
    licences: Iterable[Licence] = ()
    choices: Iterable[OptChoice] = ()

    @classmethod
    def read(cls, connection: Connection) -> "Records":
        """Return the current records of the database, each kind read as it is iterated."""

        def kind(table: Table, by: str = "id") -> Iterator[Any]:
            return all_records(connection, table, by=by)

        return cls(
            parties=kind(schema.party),
            recordings=kind(schema.recording),
            works=kind(schema.work),
            links=kind(schema.recording_work),
            parts=kind(schema.recording_part),
            master_shares=kind(schema.master_share, "recording_id"),
            work_shares=kind(schema.work_share, "work_id"),
            licences=kind(schema.licence),
            choices=kind(schema.opt),
        )


@dataclass(slots=True)
class _Known:
    """Ids, names and codes of the records so far, for later checks."""

    parties: dict[str, str] = field(default_factory=dict)  # id: name
    recordings: set[str] = field(default_factory=set)
    works: set[str] = field(default_factory=set)
    tags: set[str] = field(default_factory=set)
    labels: set[str] = field(default_factory=set)
    index_ids: dict[str, str] = field(default_factory=dict)  # id in the index: recording
    isrcs: dict[str, str] = field(default_factory=dict)  # code: recording
    iswcs: dict[str, str] = field(default_factory=dict)  # code: work


def check_rights(records: Records, *, index_ids: Mapping[str, str] | None = None) -> Generator[Finding, None, None]:
    """Yield the findings of all checks, always in the same order.

    Close it when you stop before the end, while the records can still be read.

    Parameters
    ----------
    index_ids : mapping of str to str, or None
        Ids in the index with their ISRCs, "" where there is none. None leaves the comparison out.

    Raises
    ------
    ParameterError
        If shares of one subject do not follow each other.
    """
    known = _Known(parties={party.id: party.name for party in records.parties})
    yield from _check_recordings(records.recordings, known)
    yield from _check_works(records.works, known)
    linked: set[str] = set()
    for link in records.links:
        linked.add(link.recording_id)
        subject = f"link of recording {link.recording_id} to work {link.work_id}"
        yield from _dead(subject, "recording", link.recording_id, known.recordings)
        yield from _dead(subject, "work", link.work_id, known.works)
    contained: dict[str, list[str]] = {}
    for part in records.parts:
        contained.setdefault(part.recording_id, []).append(part.part_id)
        subject = f"part of recording {part.recording_id} at {part.start_ms} ms"
        yield from _dead(subject, "recording", part.recording_id, known.recordings)
        yield from _dead(subject, "recording", part.part_id, known.recordings)
    yield from _check_all_shares("recording", records.master_shares, known.recordings, known.parties)
    yield from _check_all_shares("work", records.work_shares, known.works, known.parties)
    for recording_id in sorted(known.recordings - linked):
        subject = f"recording {recording_id}"
        sentence = f"{subject} performs no work on file: its royalties for works stay unclaimed"
        yield Finding("no_work", "warning", subject, sentence, "link it to its work")
    replaced: dict[str, list[str]] = {}
    licences = list(records.licences)
    licence_ids = {licence.id for licence in licences}
    for licence in licences:
        if licence.replaces:
            replaced[licence.id] = [licence.replaces]
        yield from _check_licence(licence, licence_ids, known)
    yield from _check_choices(records.choices, known)
    yield from _circles("recording", "contain each other", contained, "remove one of these parts")
    yield from _circles("licence", "replace each other", replaced, "leave `replaces` out of the earliest")
    if index_ids is not None:
        yield from _check_index(index_ids, known)


def check_shares(kind: str, shares: Iterable[Share], parties: Mapping[str, str]) -> Iterator[Finding]:
    """Yield overclaims, unclaimed parts and reversed dates of the shares of one subject.

    Parameters
    ----------
    kind : str
        "recording" or "work".
    shares : iterable of Share
        All of one subject, in any order.
    """
    of_right: dict[str, list[Share]] = {}
    for share in sorted(shares, key=lambda share: (share.right, share.id)):
        of_right.setdefault(share.right, []).append(share)
        if share.is_reversed:
            subject = f"{kind} {share.subject_id}"
            days = f"begins on {share.valid_from} and ends on {share.valid_to}"
            sentence = f"share {share.id} of {subject} {days}: it holds on no day"
            yield Finding("reversed_dates", "error", subject, sentence, "swap its dates")
    for right, of_one in of_right.items():
        for one in sums_of_shares(of_one):
            subject = f"{kind} {of_one[0].subject_id}"
            place = f"{right} of {subject} {one.where_and_when()}"
            if one.over:
                sentence = f"{place}: shares sum to {format_percent(one.on_file)}: {_parties_text(one, parties)}"
                named = first_of([share.id for share in one.shares], _MAX_NAMED)
                remedy = f"correct or end some of {named}; until then statements hold these amounts"
                yield Finding("overclaim", "error", subject, sentence, remedy)
            if one.unclaimed and not one.over:
                yield _unclaimed(subject, place, one, parties)


def _unclaimed(subject: str, place: str, one: Sum, parties: Mapping[str, str]) -> Finding:
    if not one.shares:
        sentence = f"{place}: nothing is on file"
        return Finding("unclaimed", "note", subject, sentence, "import the missing shares")
    sentence = f"{place}: {format_percent(one.unclaimed)} is unclaimed: {_parties_text(one, parties)}"
    remedy = "import the missing shares or parties"
    return Finding("unclaimed", "warning", subject, sentence, remedy)


def _check_recordings(recordings: Iterable[RightsRecording], known: _Known) -> Iterator[Finding]:
    for recording in recordings:
        known.recordings.add(recording.id)
        known.tags.update(recording.tags)
        if recording.label:
            known.labels.add(recording.label)
        subject = f"recording {recording.id}"
        if recording.isrc and (first := known.isrcs.setdefault(recording.isrc, recording.id)) != recording.id:
            sentence = f"recordings {first} and {recording.id} have the same ISRC {recording.isrc}"
            yield Finding("duplicate_isrc", "warning", subject, sentence, _DOUBLE)
        index_id = recording.index_id
        if index_id and (first := known.index_ids.setdefault(index_id, recording.id)) != recording.id:
            both = f"recordings {first} and {recording.id} have the same id {index_id} in the index"
            sentence = f"{both}: its matches can be assigned to neither"
            yield Finding("duplicate_index_id", "error", subject, sentence, _DOUBLE)


def _check_works(works: Iterable[Work], known: _Known) -> Iterator[Finding]:
    for work in works:
        known.works.add(work.id)
        if work.iswc and (first := known.iswcs.setdefault(work.iswc, work.id)) != work.id:
            sentence = f"works {first} and {work.id} have the same ISWC {format_iswc(work.iswc)}"
            yield Finding("duplicate_iswc", "warning", f"work {work.id}", sentence, _DOUBLE)
        if work.disputed == "yes":
            sentence = f"work {work.id} is in dispute: statements hold its royalties"
            remedy = "import it again, with HasRightShareInDispute false, once the dispute is settled"
            yield Finding("disputed", "warning", f"work {work.id}", sentence, remedy)


def _check_all_shares(
    kind: str, shares: Iterable[Share], subjects: set[str], parties: Mapping[str, str]
) -> Iterator[Finding]:
    seen: set[str] = set()
    for subject_id, group in groupby(shares, key=lambda share: share.subject_id):
        if subject_id in seen:
            raise ParameterError(f"shares of {kind} {subject_id} do not follow each other; sort them by {kind}")
        seen.add(subject_id)
        of_one = list(group)
        for share in of_one:
            yield from _dead(f"share {share.id}", kind, subject_id, subjects)
            if share.party_id:
                yield from _dead(f"share {share.id}", "party", share.party_id, parties)
        yield from check_shares(kind, of_one, parties)
    for subject_id in sorted(subjects - seen):
        subject = f"{kind} {subject_id}"
        sentence = f"{subject} has no shares: its royalties stay unclaimed"
        yield Finding("no_shares", "warning", subject, sentence, "import its shares")


def _check_licence(licence: Licence, licence_ids: set[str], known: _Known) -> Iterator[Finding]:
    subject = f"licence {licence.id}"
    yield from _dead(subject, "party", licence.licensor, known.parties)
    yield from _dead(subject, "party", licence.licensee, known.parties)
    if licence.replaces:
        yield from _dead(subject, "licence", licence.replaces, licence_ids)
    scopes = [licence.scope, *(amendment.terms.scope for amendment in licence.amendments)]
    for recording_id in sorted({one for scope in scopes for one in scope.recordings}):
        yield from _dead(subject, "recording", recording_id, known.recordings)
    for work_id in sorted({one for scope in scopes for one in scope.works}):
        yield from _dead(subject, "work", work_id, known.works)
    for party_id in sorted({one for scope in scopes for one in scope.parties}):
        yield from _dead(subject, "party", party_id, known.parties)
    tags, labels = ({one for scope in scopes for one in getattr(scope, key)} for key in ("tags", "labels"))
    for noun, named, borne in (("tag", tags, known.tags), ("label", labels, known.labels)):
        for name in sorted(named):
            if name not in borne:
                sentence = f"{subject} covers {noun} {name!r}, which no recording has"
                remedy = f"correct the {noun}, or leave it for recordings to come"
                yield Finding("dead_link", "note", subject, sentence, remedy)


def _check_choices(choices: Iterable[OptChoice], known: _Known) -> Iterator[Finding]:
    on_file: dict[str, Mapping[str, str] | set[str]] = {
        "recording": known.recordings,
        "isrc": known.isrcs,
        "work": known.works,
        "iswc": known.iswcs,
        "party": known.parties,
    }
    for choice in choices:
        if choice.subject_id not in on_file[choice.subject]:
            subject = f"choice {choice.id}"
            sentence = f"{subject} opts {choice.choice} {choice.subject} {choice.subject_id!r}, which is not on file"
            yield Finding("dead_link", "note", subject, sentence, "correct it, or leave it for records to come")


def _circles(kind: str, verb: str, edges: Mapping[str, Iterable[str]], remedy: str) -> Iterator[Finding]:
    for circle in find_circles(edges):
        way = " -> ".join((*circle[:_MAX_NAMED], *(("...",) if len(circle) > _MAX_NAMED else ()), circle[0]))
        sentence = f"{kind}s {verb} in a circle: {way}"
        yield Finding("circle", "error", f"{kind} {circle[0]}", sentence, remedy)


def _check_index(index_ids: Mapping[str, str], known: _Known) -> Iterator[Finding]:
    for index_id, recording_id in sorted(known.index_ids.items(), key=lambda pair: (pair[1], pair[0])):
        if index_id not in index_ids:
            subject = f"recording {recording_id}"
            sentence = f"{subject} has the id {index_id} in the index, but the index does not have it"
            remedy = "correct the id, or add the recording to the index"
            yield Finding("not_in_index", "warning", subject, sentence, remedy)
    for index_id, isrc in sorted(index_ids.items()):
        if index_id not in known.index_ids and isrc not in known.isrcs:
            named = "its id or its ISRC" if isrc else "its id"
            sentence = (
                f"{index_id} is in the index, but no recording on file has {named}: its matches are paid to nobody"
            )
            remedy = "import its rights, with its id in the index or its ISRC"
            yield Finding("not_in_rights", "warning", f"index {index_id}", sentence, remedy)


def _dead(subject: str, kind: str, wanted: str, known: Mapping[str, str] | set[str]) -> Iterator[Finding]:
    if wanted not in known:
        sentence = f"{subject} names {kind} {wanted!r}, which is not on file"
        yield Finding("dead_link", "error", subject, sentence, f"import the {kind}, or correct the id")


def _parties_text(one: Sum, parties: Mapping[str, str]) -> str:
    texts = []
    for share in one.shares:
        name = parties.get(share.party_id, "")
        who = f"{share.party_id}{f' ({name})' if name and name != share.party_id else ''}"
        texts.append(f"{who if share.party_id else 'not known'} {format_percent(share.millionths)}")
    return first_of(texts, _MAX_NAMED)
