"""What changed since an earlier statement, line by line, with the reason in words.

In come a statement as it was issued, the same computed again with what is known now, and the adjustments that were made
to it so far; out come adjustments: for each line, what it would be now less what was stated for it, adjustments since
included. Held, unclaimed, overclaim and unmatched lines are adjusted too, so that the sums of a territory and right are
followed through, but only payable ones reach a balance.
"""

from collections.abc import Iterable, Mapping

from sourceprint.royalties.money import ZERO, Amount
from sourceprint.royalties.statements.statement import Adjustment, Line, LineKey, Statement, key_of, line_order

__all__ = ["adjustments_to"]

_SHOWN_CHANGES = 3


def adjustments_to(stated: Statement, now: Statement, so_far: Iterable[Adjustment]) -> tuple[Adjustment, ...]:
    """Return what has to be added to a statement so that it comes to what it would be now.

    Parameters
    ----------
    stated : Statement
        As it was issued.
    now : Statement
        The same period, usage and policy, computed again.
    so_far : iterable of Adjustment
        Made in later statements; those to other statements, and those by hand, are passed over.

    Returns
    -------
    tuple of Adjustment
        Sorted as lines are; none where nothing differs.
    """
    then = {key_of(line): line for line in stated.lines}
    again = {key_of(line): line for line in now.lines}
    sums = {key: line.net for key, line in then.items()}
    for adjustment in so_far:
        if adjustment.statement_id == stated.id and not adjustment.by_hand:
            sums[key_of(adjustment)] = sums.get(key_of(adjustment), ZERO) + adjustment.amount
    changes = _Changes(stated, now)
    found = []
    for key in sorted({*sums, *again}, key=line_order):
        before, after = sums.get(key, ZERO), again[key].net if key in again else ZERO
        if before != after:
            found.append(_adjustment(stated, key, before, after, changes.of(key, then, again)))
    return tuple(found)


def _adjustment(statement: Statement, key: LineKey, before: Amount, after: Amount, reason: str) -> Adjustment:
    territory, right, kind, party_id, recording_id, work_id, licence_id = key
    return Adjustment(
        period=statement.period.label,
        statement_id=statement.id,
        kind=kind,
        party_id=party_id,
        recording_id=recording_id,
        work_id=work_id,
        right=right,
        territory=territory,
        licence_id=licence_id,
        stated=before,
        now=after,
        amount=after - before,
        reason=reason,
    )


class _Changes:
    """What differs between two computations of a statement."""

    def __init__(self, stated: Statement, now: Statement) -> None:
        then = {use.id: use for use in stated.uses}
        again = {use.id: use for use in now.uses}
        self._track_of = {use.id: use.track_sha256 for use in (*stated.uses, *now.uses)}
        self._by_track: dict[str, list[str]] = {}
        for use_id in sorted({*then, *again}):
            if use_id not in again:
                words = f"use {use_id} superseded"
            elif use_id not in then:
                words = f"use {use_id} new, {again[use_id].state}"
            elif then[use_id].state != again[use_id].state:
                words = f"use {use_id} {again[use_id].state}: {again[use_id].state_rule}"
            else:
                continue
            self._by_track.setdefault(self._track_of[use_id], []).append(words)
        self._restated = ""
        if now.usage_version != stated.usage_version:
            self._restated = f"usage restated, version {now.usage_version}: {now.usage_reason or 'no reason given'}"
        self._licences = _licence_changes(dict(stated.licences), dict(now.licences))
        self._revisions = (stated.rights_revision, now.rights_revision)
        # Before schema 2, lines were rounded: to less than 2.5 minor units, of what was earned and of what was not.
        self._rounded = Amount.of_minor(5, stated.currency) if stated.document else ZERO
        self._is_of_schema_1 = bool(stated.document)

    def of(self, key: LineKey, then: Mapping[LineKey, Line], again: Mapping[LineKey, Line]) -> str:
        """Return why a line differs."""
        if key in then and key in again and then[key].net == again[key].net:
            return "adjusted before, and changed back"
        uses = {
            part.use_id for lines in (then, again) if key in lines for part in lines[key].contributions if part.use_id
        }
        tracks = {self._track_of[use_id] for use_id in uses if use_id in self._track_of}
        related = [words for track in sorted(tracks) for words in self._by_track.get(track, [])]
        if not related and not self._licences and self._by_track and self._revisions[0] == self._revisions[1]:
            related = [words for track in sorted(self._by_track) for words in self._by_track[track]]
        if self._restated and _bases(then.get(key)) != _bases(again.get(key)):
            related = [self._restated, *related]
        if self._licences:
            related = [*related, *self._licences]
        before, after = (lines[key].gross if key in lines else ZERO for lines in (then, again))
        if not related and abs(after - before) < self._rounded:
            return "stated rounded then, exactly now"
        if not related and self._is_of_schema_1 and self._revisions[0] == self._revisions[1]:
            return "licences are judged share by share now, as they were not then"
        if not related or self._revisions[0] != self._revisions[1]:
            related = [*related, f"rights revision {self._revisions[0]} to {self._revisions[1]}"]
        more = f"; and {len(related) - _SHOWN_CHANGES} more" if len(related) > _SHOWN_CHANGES else ""
        return "; ".join(related[:_SHOWN_CHANGES]) + more


def _bases(line: Line | None) -> set[tuple[str, str]]:
    """Return how the amounts of a line came about, which tells usages and revenue; nothing where there is none."""
    return {(part.use_id, part.basis) for part in line.contributions} if line else set()


def _licence_changes(then: Mapping[str, str], again: Mapping[str, str]) -> list[str]:
    return [
        f"licence {licence_id} changed"
        for licence_id in sorted(then.keys() & again.keys())
        if then[licence_id] != again[licence_id]
    ]
