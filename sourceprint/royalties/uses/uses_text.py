"""Reports of an attribution, and lists of uses, for people and programs.

The inputs are an `AttributionReport` or uses. The results are text, plain JSON types, or a file of JSON Lines with one
use per line, in the fields of `sourceprint.royalties.uses.use`.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from fingerprint.errors import printable
from sourceprint.royalties.decimals import decimal_text
from sourceprint.royalties.uses.shares import RightOutcome
from sourceprint.royalties.uses.states import contenders_of
from sourceprint.royalties.uses.terms import ShareOutcome
from sourceprint.royalties.uses.use import Use, use_to_json
from sourceprint.text.tables import counted, first_of, table

__all__ = ["AttributionReport", "judged_use_to_json", "report_text", "report_to_json", "uses_text"]

SCHEMA = "sourceprint/attribution/1"
_SEARCHED = ("matched", "no_match")
_WITHOUT_MUSIC = ("too_short", "not_enough_music")
_SHOWN = 10
_SHOWN_CONTENDERS = 3
_LONGEST_NAME = 32
_TITLES = ("use", "state", "track", "of", "from", "to", "seconds", "licence", "rule")
_NUMBERS = range(4, 7)


@dataclass(frozen=True, slots=True)
class AttributionReport:
    """The result of an attribution, in counts.

    Attributes
    ----------
    attribution_id : int or None
        None where nothing changed, or nothing was kept.
    licensee, policy_name, policy_digest : str
    rights_revision : int
    results_sha256 : str
        Of the file of results.
    tracks : dict of str to int
        Results by status; all but `matched` and `no_match` could not be searched, and their earlier uses stay.
    repeated : int
        Results equal to an earlier one of the same track.
    passages : int
        Matched passages.
    states : dict of str to (int, int)
        Uses, and their attributed microseconds, by the state that the policy gives them.
    outcomes : dict of str to int
        Licence outcomes, counted by use, territory and right; of one right, shares may differ.
    added, unchanged, superseded : int
        Uses.
    carried_over : int
        States given by people that went on to the use in place of a superseded one.
    asked_again : int
        Those that hold for none of the new uses, which are in review for a new decision.
    decisions_without_use : tuple of str
        Ids of superseded uses with such a state, without a use in their place.
    usage_without_result : tuple of str
        Tracks of the usage that are not among the results.
    kept : int
        Uses that were not found again, and stay since the scan was narrower than the one that found them; those that
        stay in place of a use that was found are in `not_entered` alone.
    kept_because : dict of str to int
        The same, by the narrower part of the scan.
    not_entered : int
        New uses of recordings of which such a use stays.
    in_conflict : int
        New uses in review, as a scan that is not superseded gave time of them to others.
    contested : dict of str to int
        Uses with shares that several licences permit and none pays, by these licences: a precedence is missing.
    """

    attribution_id: int | None
    licensee: str
    policy_name: str
    policy_digest: str
    rights_revision: int
    results_sha256: str
    tracks: dict[str, int]
    repeated: int
    passages: int
    states: dict[str, tuple[int, int]]
    outcomes: dict[str, int]
    added: int
    unchanged: int
    superseded: int
    carried_over: int
    asked_again: int
    decisions_without_use: tuple[str, ...]
    usage_without_result: tuple[str, ...]
    kept: int
    kept_because: dict[str, int]
    not_entered: int
    in_conflict: int
    contested: dict[str, int]

    @property
    def n_failed(self) -> int:
        """How many tracks could not be searched, and may be once their files are mended."""
        return sum(n for status, n in self.tracks.items() if status not in (*_SEARCHED, *_WITHOUT_MUSIC))

    @property
    def n_without_music(self) -> int:
        """How many tracks were read to their end, and hold too little audio or music to be searched."""
        return sum(self.tracks.get(status, 0) for status in _WITHOUT_MUSIC)


def report_to_json(report: AttributionReport) -> dict[str, Any]:
    """Return a report as plain JSON types; attributed time in microseconds."""
    fields = asdict(report)
    fields["states"] = {s: {"uses": n, "attributed_us": us} for s, (n, us) in report.states.items()}
    fields["decisions_without_use"] = list(report.decisions_without_use)
    fields["usage_without_result"] = list(report.usage_without_result)
    return {"schema": SCHEMA, **fields}


def report_text(report: AttributionReport) -> str:
    """Return a report for people, one fact per line."""
    tracks = ", ".join(f"{n} {status}" for status, n in report.tracks.items()) or "none"
    lines = [
        f"tracks      {sum(report.tracks.values())} ({tracks}), {counted(report.passages, 'passage')}",
        f"policy      {report.policy_name} {report.policy_digest}",
        f"rights      revision {report.rights_revision}",
        *(f"{state:<11} {counted(n, 'use')}, {_seconds(us)} s" for state, (n, us) in report.states.items()),
        f"licences    {_outcomes(report)}",
        f"ledger      {report.added} added, {report.unchanged} unchanged, {report.superseded} superseded"
        + ("" if report.attribution_id is None else f"; attribution {report.attribution_id}")
        + ("" if report.added or report.superseded or report.attribution_id is not None else "; nothing changed"),
    ]
    for licences, n in report.contested.items():
        lines.append(f"check       {printable(licences)} permit the same shares: {counted(n, 'use')} held")
        lines.append("            in part; give the one that pays a higher `precedence = NUMBER`, and import it again")
    if report.repeated:
        lines.append(f"note        {counted(report.repeated, 'result')} left out: the same track again")
    if report.n_without_music:
        without = counted(report.n_without_music, "track")
        lines.append(f"note        {without} with too little music to be searched, which no scan can change")
    if report.n_failed:
        failed = counted(report.n_failed, "track")
        lines.append(f"note        {failed} could not be searched; earlier uses of such tracks stay as they are")
    if report.carried_over:
        lines.append(f"note        {counted(report.carried_over, 'decision')} of people carried over to the new uses")
    if report.asked_again:
        again = counted(report.asked_again, "decision")
        lines.append(
            f"check       {again} to take again: the passages moved; the new uses are in review and name the decision"
        )
    if report.kept:
        lines.append(f"kept        {counted(report.kept, 'use')} that a fuller scan found and this one did not")
        lines += [f"            {n} since {printable(why)}" for why, n in report.kept_because.items()]
    if report.not_entered:
        lines.append(
            f"kept        {counted(report.not_entered, 'use')} not entered: those of a fuller scan stay instead"
        )
    if report.in_conflict:
        conflicts = counted(report.in_conflict, "use")
        lines.append(f"check       {conflicts} in review: an earlier scan gave their time to another recording")
    if report.decisions_without_use:
        lines.append(f"check       decisions on uses that no new use replaces: {_some(report.decisions_without_use)}")
    if report.usage_without_result:
        lines.append(f"check       tracks in the usage without a scan result: {_some(report.usage_without_result)}")
    return "\n".join(lines)


def uses_text(uses: Iterable[tuple[Use, Iterable[RightOutcome]]]) -> str:
    """Return uses as a table for people, one per line, in the order given; times are seconds of the track.

    Ids of uses are in full; of a long name of a track, its end is shown. The licence is the one that permits the
    use, "outside" and the one whose rule it breaks, or "none"; right by right, where they differ.
    """
    rows = [_TITLES, *(_cells(use, outcomes) for use, outcomes in uses)]
    widths = {column: max(len(row[column]) for row in rows) for column in _NUMBERS}
    return table([[cell.rjust(widths.get(column, 0)) for column, cell in enumerate(row)] for row in rows])


def _cells(use: Use, outcomes: Iterable[RightOutcome]) -> tuple[str, ...]:
    name = printable(use.track_name)
    return (
        use.id,
        use.state,
        name if len(name) <= _LONGEST_NAME else "..." + name[3 - _LONGEST_NAME :],
        printable(_of(use)),
        _seconds(1000 * use.passages[0].start_ms) if use.passages else "",
        _seconds(1000 * use.passages[-1].end_ms) if use.passages else "",
        _seconds(use.attributed_us),
        printable(_licences(outcomes)),
        printable(use.state_rule),
    )


def _of(use: Use) -> str:
    """Return the subject of a use: a recording, works, or the recordings it may be of; else its id in the index."""
    if contenders := contenders_of(use):
        more = ["..."] if len(contenders) > _SHOWN_CONTENDERS else []
        return " or ".join([*contenders[:_SHOWN_CONTENDERS], *more])
    return use.recording_id or ", ".join(use.work_ids) or f"{use.index_id} (index)"


def judged_use_to_json(use: Use, outcomes: Iterable[RightOutcome]) -> dict[str, Any]:
    """Return a use as plain JSON types, with its licence outcomes of now in `terms`."""
    terms = [
        {
            "territory": one.territory,
            "right": one.right,
            "outcome": one.outcome.outcome,
            "licence_ids": list(one.outcome.licence_ids),
            "rule": one.outcome.rule,
        }
        for one in outcomes
    ]
    return {**use_to_json(use), "terms": terms}


def _licences(outcomes: Iterable[RightOutcome]) -> str:
    by_right: dict[str, set[str]] = {}
    for one in outcomes:
        by_right.setdefault(one.right, set()).add(_licence(one.outcome))
    by_licences: dict[str, list[str]] = {}
    for right, licences in by_right.items():
        by_licences.setdefault(", ".join(sorted(licences)), []).append(right or "works")
    if len(by_licences) == 1:
        return next(iter(by_licences))
    return "; ".join(f"{', '.join(rights)} {licences}" for licences, rights in by_licences.items())


def _licence(outcome: ShareOutcome) -> str:
    if outcome.outcome == "outside_licence":
        return f"outside {', '.join(outcome.licence_ids)}"
    return " or ".join(outcome.licence_ids) or "none"


def _outcomes(report: AttributionReport) -> str:
    counted = ", ".join(f"{n} {outcome.replace('_', ' ')}" for outcome, n in report.outcomes.items())
    return f"{counted}, by use, territory and right" if counted else "nothing to apply"


def _seconds(microseconds: int) -> str:
    """Return seconds with three decimals, rounded down."""
    return decimal_text(microseconds // 1000, 3, least=3)


def _some(names: tuple[str, ...]) -> str:
    return first_of([printable(name) for name in names], _SHOWN)
