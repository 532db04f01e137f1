"""Standing of recordings and works: opted in, opted out, past their term; each with its reason.

Input: the rights on file. Output: reasons in words, "" where there is none. A choice is about a recording (by id or
ISRC), a work (by id or ISWC) or a party; the last holds for all recordings and works in which the party has a share on
that day.

- An opt-out prevails over an opt-in, however old either is; it ends with its last day.
- For worldwide use, an opt-out in any country counts, and an opt-in only if it holds worldwide.
- A recording's *term* has ended once all master shares that were ever on file for a territory have ended.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date

from sourceprint.royalties.rights.records import OptChoice, Share
from sourceprint.royalties.rights.rights import Rights
from sourceprint.royalties.territories import WORLDWIDE, Territories

__all__ = ["Standing", "choice_words", "opted_out", "standing_of", "term_ended"]


@dataclass(frozen=True, slots=True)
class Standing:
    """Standing of a recording for a purpose, there and then.

    Attributes
    ----------
    choice : str
        "in", "out", or "" without a choice that holds.
    choice_id : str
        Id of the choice that decides, or "".
    reason : str
        In words.
    weight_millionths : int or None
        Weight declared with the opt-in.
    """

    choice: str
    choice_id: str = ""
    reason: str = "nothing was chosen"
    weight_millionths: int | None = None


def opted_out(rights: Rights, recording_id: str, work_id: str, purpose: str, territory: str, day: date) -> str:
    """Return why a recording, or a work, is opted out for a purpose in a territory on a day; "" if it is not.

    Parameters
    ----------
    rights : Rights
        With the choices of the recording and the work, and their shares.
    recording_id, work_id : str
        Either may be "", and is left out then.
    day : date
        Of generation, or of training.
    """
    found = _choices(rights, recording_id, (work_id,) if work_id else (), territory, day)
    for choice in found:
        if choice.choice == "out" and choice.concerns(purpose, day) and _touches(choice.territories, territory):
            return choice_words(choice, purpose)
    return ""


def standing_of(
    rights: Rights, recording_id: str, purpose: str, territory: str, day: date, *, works_alone: bool = False
) -> Standing:
    """Return the standing of a recording.

    It is out if it, or any of its works, is opted out; it is in if it is opted in itself.

    Parameters
    ----------
    rights : Rights
        With the choices of the recording and its works, and their shares.
    recording_id, purpose, territory, day
        As in `opted_out`.
    works_alone : bool
        Whether only rights in its works matter: then the opt-in of a work is enough.
    """
    work_ids = rights.works_of(recording_id)
    for choice in _choices(rights, recording_id, work_ids, territory, day):
        if choice.choice == "out" and choice.concerns(purpose, day) and _touches(choice.territories, territory):
            return Standing("out", choice.id, choice_words(choice, purpose))
    for choice in _choices(rights, recording_id, work_ids if works_alone else (), territory, day):
        if choice.choice == "in" and choice.concerns(purpose, day) and choice.territories.covers(territory):
            return Standing("in", choice.id, choice_words(choice, purpose), choice.weight_millionths)
    return Standing("")


def term_ended(rights: Rights, recording_id: str, territory: str, day: date) -> str:
    """Return why the term of a recording has ended; "" if it has not, or no share of it is on file.

    Examples
    --------
    >>> share = Share("S1", "R1", "P1", "Master", 1_000_000, valid_to=date(2026, 6, 30))
    >>> term_ended(Rights.of(master_shares=[share]), "R1", "DE", date(2026, 7, 1))
    'the last master share of R1 in DE ended on 2026-06-30'
    """
    shares = [s for s in rights.master_shares.get(recording_id, ()) if s.territories.covers(territory)]
    days = [share.valid_to for share in shares if share.valid_to is not None and share.valid_to < day]
    if not shares or len(days) < len(shares):
        return ""
    return f"the last master share of {recording_id} in {territory} ended on {max(days)}"


def _choices(
    rights: Rights, recording_id: str, work_ids: Iterable[str], territory: str, day: date
) -> Iterator[OptChoice]:
    """Yield the choices about a recording and works: their own first, then those of the parties with shares."""
    if not rights.choices:
        return
    subjects = [("recording", recording_id)] if recording_id else []
    parties = _owners(rights.master_shares.get(recording_id, ()), territory, day)
    if (recording := rights.recordings.get(recording_id)) is not None and recording.isrc:
        subjects.append(("isrc", recording.isrc))
    for work_id in work_ids:
        subjects.append(("work", work_id))
        parties |= _owners(rights.work_shares.get(work_id, ()), territory, day)
        if (work := rights.works.get(work_id)) is not None and work.iswc:
            subjects.append(("iswc", work.iswc))
    for subject in (*subjects, *(("party", party_id) for party_id in sorted(parties))):
        yield from rights.choices.get(subject, ())


def _owners(shares: Iterable[Share], territory: str, day: date) -> set[str]:
    """Return the parties with a share there and then; worldwide, those with one anywhere."""
    return {
        share.party_id
        for share in shares
        if (share.valid_from is None or share.valid_from <= day)
        and (share.valid_to is None or day <= share.valid_to)
        and _touches(share.territories, territory)
    } - {""}


def _touches(territories: Territories, territory: str) -> bool:
    return territory == WORLDWIDE or territories.covers(territory)


def choice_words(choice: OptChoice, purpose: str) -> str:
    """Return an opt-in or opt-out in words: subject, purpose, territories, days and reason."""
    where = "" if str(choice.territories) == WORLDWIDE else f" in {choice.territories}"
    since = f" from {choice.valid_from}" if choice.valid_from else ""
    until = f" to {choice.valid_to}" if choice.valid_to else ""
    why = f": {choice.reason}" if choice.reason else ""
    opted = "opted in to" if choice.choice == "in" else "opted out of"
    return f"{choice.subject} {choice.subject_id} {opted} {purpose}{where}{since}{until}{why}"
