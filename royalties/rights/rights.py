"""Rights in memory: the records that concern some recordings and works, for look-up by attribution and statements.

A `Rights` is one consistent reading at one revision of the catalogue. It is built from records, by whoever reads them:
the database (`royalties.rights.reading`) or a test.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from royalties.money import largest_remainder
from royalties.rights.licences import Licence
from royalties.rights.records import WHOLE, Party, Recording, RecordingPart, RecordingWork, Share, Work

__all__ = ["Rights"]


@dataclass(frozen=True, slots=True)
class Rights:
    """Records by id, at one revision.

    Attributes
    ----------
    revision : int
        Of the catalogue of rights.
    recordings, works, parties, licences : mapping of str to record
        By id.
    by_index_id : mapping of str to tuple of str
        Ids of the recordings that have an id in the index; more than one is an ambiguity.
    by_isrc : mapping of str to tuple of str
        Likewise by ISRC.
    work_weights : mapping of str to mapping of str to int
        By recording: its works, with parts in millionths that sum to 1 000 000.
    parts : mapping of str to tuple of RecordingPart
        By recording that contains: what it contains, by start.
    master_shares, work_shares : mapping of str to tuple of Share
        By recording and by work: all shares, by id.
    """

    revision: int = 0
    recordings: Mapping[str, Recording] = field(default_factory=dict)
    works: Mapping[str, Work] = field(default_factory=dict)
    parties: Mapping[str, Party] = field(default_factory=dict)
    licences: Mapping[str, Licence] = field(default_factory=dict)
    by_index_id: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    by_isrc: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    work_weights: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    parts: Mapping[str, tuple[RecordingPart, ...]] = field(default_factory=dict)
    master_shares: Mapping[str, tuple[Share, ...]] = field(default_factory=dict)
    work_shares: Mapping[str, tuple[Share, ...]] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        *,
        recordings: Iterable[Recording] = (),
        works: Iterable[Work] = (),
        parties: Iterable[Party] = (),
        links: Iterable[RecordingWork] = (),
        parts: Iterable[RecordingPart] = (),
        master_shares: Iterable[Share] = (),
        work_shares: Iterable[Share] = (),
        licences: Iterable[Licence] = (),
        revision: int = 0,
    ) -> "Rights":
        """Return rights from records in any order."""
        by_id = {recording.id: recording for recording in sorted(recordings, key=lambda recording: recording.id)}
        by_index_id: dict[str, tuple[str, ...]] = {}
        by_isrc: dict[str, tuple[str, ...]] = {}
        for recording in by_id.values():
            if recording.index_id:
                by_index_id[recording.index_id] = (*by_index_id.get(recording.index_id, ()), recording.id)
            if recording.isrc:
                by_isrc[recording.isrc] = (*by_isrc.get(recording.isrc, ()), recording.id)
        linked: dict[str, list[RecordingWork]] = {}
        for link in links:
            linked.setdefault(link.recording_id, []).append(link)
        contained: dict[str, list[RecordingPart]] = {}
        for part in parts:
            contained.setdefault(part.recording_id, []).append(part)
        return cls(
            revision=revision,
            recordings=by_id,
            works={work.id: work for work in sorted(works, key=lambda work: work.id)},
            parties={party.id: party for party in sorted(parties, key=lambda party: party.id)},
            licences={licence.id: licence for licence in sorted(licences, key=lambda licence: licence.id)},
            by_index_id=by_index_id,
            by_isrc=by_isrc,
            work_weights={recording_id: _weights(of_one) for recording_id, of_one in sorted(linked.items())},
            parts={
                recording_id: tuple(sorted(of_one, key=lambda part: (part.start_ms, part.end_ms, part.part_id)))
                for recording_id, of_one in sorted(contained.items())
            },
            master_shares=_by_subject(master_shares),
            work_shares=_by_subject(work_shares),
        )

    def works_of(self, recording_id: str) -> tuple[str, ...]:
        """Return the ids of the works that a recording performs, sorted; empty where none is known."""
        return tuple(sorted(self.work_weights.get(recording_id, ())))


def _weights(links: list[RecordingWork]) -> dict[str, int]:
    """Return the parts of the works of one recording; where any is not stated, all are equal."""
    stated = {link.work_id: link.weight_millionths or 0 for link in links}
    if len(stated) == 1:  # as nearly all recordings have one
        return dict.fromkeys(stated, WHOLE)
    if any(link.weight_millionths is None for link in links) or not any(stated.values()):
        stated = dict.fromkeys(stated, 1)
    return largest_remainder(WHOLE, stated)


def _by_subject(shares: Iterable[Share]) -> dict[str, tuple[Share, ...]]:
    grouped: dict[str, list[Share]] = {}
    for share in shares:
        grouped.setdefault(share.subject_id, []).append(share)
    return {subject: tuple(sorted(of_one, key=lambda share: share.id)) for subject, of_one in sorted(grouped.items())}
