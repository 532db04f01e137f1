"""Compute adjustments to an earlier statement, line by line, with the reason in words.

The inputs are the statement as issued, the same statement computed again from the records of now, and its adjustments
so far. An adjustment is the line's amount now less its stated amount and its earlier adjustments. Held, unclaimed,
overclaim and unmatched lines are adjusted too, so that the sums of a territory and right stay complete; only
adjustments of payable lines reach a balance.
"""

from collections.abc import Iterable, Iterator, Sequence

from sqlalchemy import Connection

from sourceprint.royalties.deals.volumes import numbered_usages
from sourceprint.royalties.money import ZERO, Amount
from sourceprint.royalties.statements.amounts.lines import (
    Adjustment,
    Contribution,
    Line,
    LineKey,
    fields_of,
    key_of,
    line_order,
)
from sourceprint.royalties.statements.amounts.pools import TRAINING_POOL
from sourceprint.royalties.statements.earlier.causes import by_whom, report_author, rights_changes, use_authors
from sourceprint.royalties.statements.statement import Statement
from sourceprint.royalties.uses.use import Use

__all__ = ["adjustments_to"]

_SHOWN_CHANGES = 3


def adjustments_to(
    connection: Connection, stated: Statement, now: Statement, so_far: Iterable[Adjustment]
) -> tuple[Adjustment, ...]:
    """Return the adjustments that bring a statement to its present amounts.

    Parameters
    ----------
    connection : Connection
        Inside a transaction of `Database`, to name the changes.
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
    told: dict[LineKey, str] = {}
    for adjustment in so_far:
        if adjustment.statement_id == stated.id and not adjustment.by_hand:
            key = key_of(adjustment)
            sums[key] = sums.get(key, ZERO) + adjustment.amount
            told[key] = told.get(key, "") + adjustment.reason
    after = {key: again[key].net if key in again else ZERO for key in sums.keys() | again.keys()}
    keys = sorted((key for key in after if sums.get(key, ZERO) != after[key]), key=line_order)
    if not keys:
        return ()
    changes = _Changes(connection, stated, now, keys)
    found = [
        _adjustment(stated, key, sums.get(key, ZERO), after[key], changes.of(key, told.get(key, ""))) for key in keys
    ]
    return tuple(found)


def _adjustment(statement: Statement, key: LineKey, before: Amount, after: Amount, reason: str) -> Adjustment:
    return Adjustment(
        **fields_of(key),
        period=statement.period.label,
        statement_id=statement.id,
        stated=before,
        now=after,
        amount=after - before,
        reason=reason,
        by_hand=False,
    )


class _Changes:
    """Differences between two computations of a statement, and the changes on file in between."""

    def __init__(self, connection: Connection, stated: Statement, now: Statement, keys: Sequence[LineKey]) -> None:
        self._lines = [{key_of(line): line for line in one.lines} for one in (stated, now)]
        self._uses = {use.id: use for use in (*stated.uses, *now.uses)}
        then, again = ({use.id: use for use in one.uses} for one in (stated, now))
        changed = [one for one in sorted(self._uses) if one not in then or one not in again or then[one] != again[one]]
        authors = use_authors(connection, changed)
        self._by_track: dict[str, list[str]] = {}
        for use_id in changed:
            if words := _use_words(use_id, then.get(use_id), again.get(use_id), authors.get(use_id)):
                self._by_track.setdefault(self._uses[use_id].track_sha256, []).append(words)
        self._restated = ""
        if now.usage_version != stated.usage_version:
            span = (now.period.start.isoformat(), now.period.end.isoformat())
            who = report_author(connection, now.licensee.id, *span, now.usage_version)
            self._restated = f"usage restated{f' {who}' if who else ''}, version {now.usage_version}: "
            self._restated += now.usage_reason or "no reason given"
        self._counts = _count_changes(stated, now)
        self._revisions = (stated.rights_revision, now.rights_revision)
        self._rights = rights_changes(
            connection,
            self._revisions,
            {subject for key in keys for subject in self._subjects(key)},
            licensee=now.licensee.id,
            names={party.id: party.name for party in (*stated.parties, *now.parties)},
            all_choices=any(map(self._is_of_pool, keys)),
        )
        # Before schema 2, lines were rounded: by less than 2.5 minor units, earned and unearned ones.
        self._rounded = Amount.of_minor(5, stated.currency) if stated.document else ZERO
        self._is_of_schema_1 = bool(stated.document)

    def of(self, key: LineKey, told: str) -> str:
        """Return why a line differs; causes told in its adjustments are left out if there are others."""
        then, again = (lines.get(key) for lines in self._lines)
        if then is not None and again is not None and then.net == again.net:
            return "adjusted before, and changed back"
        tracks = {self._uses[use_id].track_sha256 for use_id in self._use_ids(key)}
        causes = [words for track in sorted(tracks) for words in self._by_track.get(track, [])]
        if self._restated and _bases(then) != _bases(again):
            causes.insert(0, self._restated)
        subjects, of_pool = self._subjects(key), self._is_of_pool(key)
        causes += [
            one.words
            for one in self._rights
            if one.kind == "licence" or (one.choice and of_pool) or one.concerns(subjects, key[1], key[0])
        ]
        counted = self._counts.get(key[-1], "")
        if not causes:  # parts of a pot move when another part does
            causes = [words for track in sorted(self._by_track) for words in self._by_track[track]]
            causes += [one.words for one in self._rights if not counted]
        if counted:
            causes.append(counted)
        causes = [words for words in dict.fromkeys(causes) if words not in told] or causes
        before, after = (line.gross if line else ZERO for line in (then, again))
        if not causes and abs(after - before) < self._rounded:
            return "stated rounded then, exactly now"
        if not causes and self._is_of_schema_1 and self._revisions[0] == self._revisions[1]:
            return "licences are judged share by share now, as they were not then"
        if not causes:
            return f"rights on file changed, revision {self._revisions[0]} to {self._revisions[1]}"
        more = f"; and {len(causes) - _SHOWN_CHANGES} more" if len(causes) > _SHOWN_CHANGES else ""
        return "; ".join(causes[:_SHOWN_CHANGES]) + more

    def _parts(self, key: LineKey) -> Iterator[Contribution]:
        for lines in self._lines:
            if key in lines:
                yield from lines[key].contributions

    def _use_ids(self, key: LineKey) -> set[str]:
        return {part.use_id for part in self._parts(key)} & self._uses.keys()

    def _is_of_pool(self, key: LineKey) -> bool:
        return any(part.method == TRAINING_POOL for part in self._parts(key))

    def _subjects(self, key: LineKey) -> set[tuple[str, str]]:
        """Return the recordings, works and party of a line, as (kind, id)."""
        _, _, _, party_id, recording_id, work_id, _ = key
        found = {("recording", recording_id), ("work", work_id), ("party", party_id)}
        for use_id in self._use_ids(key):
            use = self._uses[use_id]
            found |= {("recording", one) for one in (use.recording_id, *use.candidates)}
            found |= {("work", one) for one in use.work_ids}
        return {(kind, subject_id) for kind, subject_id in found if subject_id}


def _use_words(use_id: str, then: Use | None, again: Use | None, author: tuple[str, str, str] | None) -> str:
    """Return in words how a use changed; "" where its state did not."""
    one = again or then
    if one is None or (then is not None and again is not None and then.state == again.state):
        return ""
    name = f"use {use_id} of {one.track_name.rsplit('/', 1)[-1]}"
    who = f" {by_whom(*author[:2])}" if author else ""
    if again is None:
        return f"{name} superseded{who}{f': {author[2]}' if author and author[2] else ''}"
    if then is None:
        return f"{name} new, {again.state}{f', attributed{who}' if who else ''}"
    return f"{name} {again.state}{who}: {again.state_rule}"


def _bases(line: Line | None) -> set[tuple[str, str]]:
    """Return use and basis of each contribution to a line; a basis tells usages and revenue. Empty without a line."""
    return {(part.use_id, part.basis) for part in line.contributions} if line else set()


def _count_changes(stated: Statement, now: Statement) -> dict[str, str]:
    """Return in words, by licence with tiers, that its usages, or those before them, are others than stated."""
    then, again = ({pot.licence_id: (pot.before, pot.usages) for pot in one.tiers} for one in (stated, now))
    return {
        licence_id: f"counted under licence {licence_id}: {numbered_usages(*then[licence_id])}, "
        f"now {numbered_usages(*again[licence_id])}"
        for licence_id in sorted(then.keys() & again.keys())
        if then[licence_id] != again[licence_id]
    }
