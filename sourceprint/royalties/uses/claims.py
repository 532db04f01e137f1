"""Claims: the recordings or works that each passage of a scan uses, by the catalogue of rights.

The inputs are the matches of one generated track and the rights. The results are claims, one for each passage and each
recording that may be meant, with times in milliseconds of the track. Three things are settled here, before claims are
compared with each other (`sourceprint.royalties.uses.overlap`):

- The id in the index becomes a recording of the catalogue, by `index_id`, else by ISRC. None on file, or several with
  different owners: a claimant without a recording, and the reason.
- A passage that a recording takes from another one (`Rights.parts`) is claimed by that other one. Where in that one it
  lies is not on file, so parts of the part are followed only where they make up all of it.
- Recordings that hold the same audio or fit nearly as well (`alternatives`) claim the part of the passage that they
  fit, with the same evidence, so that none of them beats another; where a result says no more than their ids
  (`also_fits`), all of it.
"""

from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction

import msgspec

from sourceprint.royalties.rights.rights import Rights
from sourceprint.scans.results import ResultAlternative, ResultMatch, ResultPassage, ScanResult

__all__ = ["Claim", "Claimant", "Owners", "claims_of"]

_END_MS = 1000  # an alternative that starts or ends this close to the passage does so with it: ends are that uncertain


@dataclass(frozen=True, slots=True)
class Claimant:
    """The recording or works that a claim is for.

    Attributes
    ----------
    key : str
        Equal for claims that count as one: the recording in the recording layer, the works in the composition layer;
        `name` where that is open.
    name : str
        Id of the recording, or "asset:" and the id in the index where there is none.
    recording_ids : tuple of str
        The recordings that may be meant, sorted; one where it is known.
    work_ids : tuple of str
        The works that all of them perform, sorted; empty where they differ, or none is known.
    problem : str
        Why it cannot be claimed as it is, or "".
    """

    key: str
    name: str
    recording_ids: tuple[str, ...]
    work_ids: tuple[str, ...]
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Claim:
    """One passage of a track, claimed for one claimant.

    Attributes
    ----------
    claimant : Claimant
    layer : str
        "recording" or "composition".
    index_id : str
        Id in the index.
    number : int
        Of the passage in the scan result, from 0, counted over all matches of the track.
    start_ms, end_ms : int
        In the track; not empty.
    source : ResultPassage
        The passage; of an alternative, with its own times.
    evidence : Fraction
        Aligned landmarks per second of the passage in the track.
    note : str
        How the claimant was found, where that is not plain; or "".
    also : bool
        Whether the scan names the recording only as one that fits nearly as well.
    """

    claimant: Claimant
    layer: str
    index_id: str
    number: int
    start_ms: int
    end_ms: int
    source: ResultPassage
    evidence: Fraction
    note: str = ""
    also: bool = False

    @property
    def rank(self) -> tuple[Fraction, bool, str, int, int, int, int, str]:
        """Sort key by descending evidence; ties by the passage's content, never by its place in the result."""
        s = self.source
        times = (s.track_start_ms, s.track_end_ms, s.recording_start_ms, s.recording_end_ms)
        return (-self.evidence, self.also, self.index_id, *times, self.claimant.key)

    def recording_ms(self, track_ms: int) -> int:
        """Return where in the recording a moment of the track lies, on the line of the match, rounded down."""
        s = self.source
        elapsed = track_ms - s.track_start_ms
        return s.recording_start_ms + elapsed * (s.recording_end_ms - s.recording_start_ms) // (
            s.track_end_ms - s.track_start_ms
        )


class Owners:
    """Compare recordings by payees: owners of the master, works, and all that licences tell them apart by.

    Parameters
    ----------
    rights : Rights
        The records on file; keys are kept, so make one of these per `Rights`.
    """

    def __init__(self, rights: Rights) -> None:
        self._rights = rights
        self._keys: dict[str, Hashable | None] = {}
        self._named_by: dict[str, list[str]] = {}
        for licence in rights.licences.values():
            for terms in (licence, *(amendment.terms for amendment in licence.amendments)):
                for recording_id in terms.scope.recordings:
                    self._named_by.setdefault(recording_id, []).append(licence.id)

    def key(self, recording_id: str) -> Hashable | None:
        """Return a key that is equal for recordings that pay the same parties under the same licences.

        None if a recording has no master share, no work, or a share without a party.
        """
        if recording_id not in self._keys:
            self._keys[recording_id] = self._made(recording_id)
        return self._keys[recording_id]

    def agree(self, recording_ids: Iterable[str]) -> bool:
        """Return whether all recordings have the same key, and none is without one."""
        keys = {self.key(recording_id) for recording_id in recording_ids}
        return len(keys) == 1 and None not in keys

    def _made(self, recording_id: str) -> Hashable | None:
        shares = self._rights.master_shares.get(recording_id, ())
        works = self._rights.work_weights.get(recording_id, {})
        if not shares or not works or not all(share.party_id for share in shares):
            return None
        recording = self._rights.recordings[recording_id]
        return (
            tuple(
                sorted(
                    (s.party_id, s.millionths, str(s.territories), str(s.valid_from), str(s.valid_to)) for s in shares
                )
            ),
            tuple(sorted(works.items())),
            (recording.label, recording.tags, recording.vocals),
            tuple(self._named_by.get(recording_id, ())),
        )


def claims_of(result: ScanResult, rights: Rights, owners: Owners) -> tuple[list[Claim], list[Claim]]:
    """Return the claims of a track's passages.

    Parameters
    ----------
    rights : Rights
        The records on file; everything that concerns the recordings, `also_fits` included.
    owners : Owners
        Of the same rights.

    Returns
    -------
    claims : list of Claim
        Claims that count.
    excluded : list of Claim
        Passages in ranges of a recording that never count.
    """
    claims: list[Claim] = []
    excluded: list[Claim] = []
    number = 0
    for match in result.matches:
        found = _recordings_of(match.recording_id, match.isrc or "", rights)
        for passage in match.passages:
            own = _claimant(match.recording_id, found, match.layer, rights, owners)
            evidence = Fraction(1000 * passage.aligned_landmarks, passage.track_end_ms - passage.track_start_ms)
            whole = Claim(
                own,
                match.layer,
                match.recording_id,
                number,
                passage.track_start_ms,
                passage.track_end_ms,
                passage,
                evidence,
            )
            number += 1
            if passage.excluded:
                excluded.append(whole)
                continue
            mine = list(_by_parts(whole, rights, owners)) if not own.problem else [whole]
            claims.extend(mine)
            claims.extend(other for other in _also(whole, match, rights, owners) if not _is_claimed(other, mine))
    return claims, excluded


def _recordings_of(index_id: str, isrc: str, rights: Rights) -> tuple[str, ...]:
    return rights.by_index_id.get(index_id) or (rights.by_isrc.get(isrc, ()) if isrc else ())


def _claimant(index_id: str, found: tuple[str, ...], layer: str, rights: Rights, owners: Owners) -> Claimant:
    """Return the claimant of an id in the index."""
    name = f"asset:{index_id}"
    if not found:
        return Claimant(name, name, (), (), f"rights: no recording on file for index id {index_id}")
    works = {rights.works_of(recording_id) for recording_id in found}
    work_ids = works.pop() if len(works) == 1 else ()
    if layer == "composition":
        shown = found[0] if len(found) == 1 else name
        if work_ids:
            return Claimant("\t".join(work_ids), shown, found, work_ids)
        problem = "different works" if len(found) > 1 else "no work"
        return Claimant(shown, shown, found, (), f"rights: {problem} on file for {', '.join(found)}")
    if len(found) == 1 or owners.agree(found):
        return Claimant(found[0], found[0], found[:1], rights.works_of(found[0]))
    return Claimant(name, name, found, work_ids, f"rights: index id {index_id} may be any of {', '.join(found)}")


def _also(claim: Claim, match: ResultMatch, rights: Rights, owners: Owners) -> Iterator[Claim]:
    """Yield the claims of alternatives: of those with figures where they lie, of others all of the passage."""
    passage = claim.source
    for index_id in sorted({*passage.also_fits}):
        there = [one for one in passage.alternatives if one.recording_id == index_id]
        isrc = next((one.isrc for one in there if one.isrc), "")
        other = _claimant(index_id, _recordings_of(index_id, isrc, rights), match.layer, rights, owners)
        note = f"scan: {other.name} fits nearly as well as {claim.claimant.name}"
        whole = replace(claim, claimant=other, index_id=index_id, note=note, also=True)
        for one in there:
            located = _located(whole, one)
            yield from _by_parts(located, rights, owners) if not other.problem else [located]
        if not there:
            yield whole


def _located(claim: Claim, alternative: ResultAlternative) -> Claim:
    """Return a claim with the bounds of an alternative; ends near those of the passage, or beyond, become the same."""
    start, end = alternative.track_start_ms, alternative.track_end_ms
    start = claim.start_ms if start <= claim.start_ms + _END_MS else start
    end = claim.end_ms if end >= claim.end_ms - _END_MS else end
    low = alternative.recording_start_ms - (alternative.track_start_ms - start)
    high = alternative.recording_end_ms + (end - alternative.track_end_ms)
    source = msgspec.structs.replace(
        claim.source,
        track_start_ms=start,
        track_end_ms=end,
        recording_start_ms=max(0, low),
        recording_end_ms=max(0, low, high),
    )
    return replace(claim, start_ms=start, end_ms=end, source=source)


def _is_claimed(claim: Claim, mine: Iterable[Claim]) -> bool:
    """Whether a passage is claimed for the same already."""
    return any(
        claim.claimant.key == one.claimant.key and one.start_ms <= claim.start_ms and claim.end_ms <= one.end_ms
        for one in mine
    )


def _by_parts(claim: Claim, rights: Rights, owners: Owners) -> Iterator[Claim]:
    """Yield a claim, with the passages that its recording takes from others claimed by those."""
    recording_id = claim.claimant.recording_ids[0]
    taken: list[tuple[int, int]] = []
    for part in rights.parts.get(recording_id, ()):
        start, end = _moment(claim, part.start_ms), _moment(claim, part.end_ms)
        if start < end:
            origins = _origins(part.part_id, rights)
            claimant = _claimant(claim.index_id, origins, claim.layer, rights, owners)
            shown = " or ".join(origins)
            note = f"rights: {part.start_ms}-{part.end_ms} ms of {recording_id} is taken from {shown}"
            if len(origins) > 1:
                note += ", which contain each other in a circle"
            elif rights.parts.get(origins[0]):
                note += ", which has parts of its own; which of them this is, is not on file"
            if claim.note:
                note = f"{claim.note}; {note}"
            yield replace(claim, claimant=claimant, start_ms=start, end_ms=end, note=note)
            taken.append((start, end))
    reached = claim.start_ms
    for start, end in [*sorted(taken), (claim.end_ms, claim.end_ms)]:
        if start > reached:
            yield replace(claim, start_ms=reached, end_ms=start)
        reached = max(reached, end)


def _moment(claim: Claim, recording_ms: int) -> int:
    """Return where in the track a moment of the recording lies, within the claim."""
    s = claim.source
    length = s.recording_end_ms - s.recording_start_ms
    if length == 0 or recording_ms <= s.recording_start_ms:
        return claim.start_ms if recording_ms <= s.recording_start_ms else claim.end_ms
    moment = s.track_start_ms + (recording_ms - s.recording_start_ms) * (s.track_end_ms - s.track_start_ms) // length
    return min(moment, claim.end_ms)


def _origins(recording_id: str, rights: Rights) -> tuple[str, ...]:
    """Return the recording that a whole recording is taken from, at the end of the chain of copies.

    Recordings that are copies of each other in a circle have no such end: it may be any of them, by id.
    """
    chain = [recording_id]
    while True:
        recording = rights.recordings.get(chain[-1])
        whole = [
            part.part_id
            for part in rights.parts.get(chain[-1], ())
            if recording is not None
            and recording.duration_ms is not None
            and part.start_ms <= 0
            and part.end_ms >= recording.duration_ms
        ]
        if len(whole) != 1:
            return (chain[-1],)
        if whole[0] in chain:
            return tuple(sorted(chain[chain.index(whole[0]) :]))
        chain.append(whole[0])
