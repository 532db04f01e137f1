"""Statements agree with an auditor who computes from scratch, after any events between (`tests.money_books`).

Hypothesis plays a year of an invented licensee: tracks are attributed and scanned again, people decide, shares are sold
and corrected, recordings opted in and out, licences amended, usage reported and restated, statements issued. After each
issue every line, every share that no licence permits, every adjustment and every payment is compared with the oracle.
SOURCEPRINT_MONEY_EXAMPLES asks for more examples than the gate takes.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from sqlalchemy import Table, select

from sourceprint.royalties.rights.database import Database
from sourceprint.royalties.rights.history import apply_records
from sourceprint.royalties.rights.rows import Record, row_of, table_of
from sourceprint.royalties.statements.amounts.lines import Adjustment, Line, key_of
from sourceprint.royalties.statements.issue import issue_statement
from sourceprint.royalties.statements.proof import prove
from sourceprint.royalties.statements.restatements import restate_usage
from sourceprint.royalties.statements.statement import Statement
from sourceprint.royalties.uses.ledger import attribute_results, current_uses
from sourceprint.royalties.uses.states import TRANSITIONS, change_state
from sourceprint.royalties.uses.usage import Usage
from tests import money_books as auditor
from tests.money_oracle import STATED, Choice, Key, Licence, Pool, Quarter, Row, Share, Use, World, first_state
from tests.money_worlds import (
    FIRST_OWNERS,
    LENGTHS,
    POLICY,
    QUARTERS,
    RATES,
    TERRITORIES,
    WORKS,
    Track,
    as_choices,
    as_licence,
    as_period,
    as_pool,
    as_rates,
    as_row,
    as_shares,
    choices,
    days,
    in_cents,
    licences,
    owned,
    pools,
    rates,
    splits,
    tracks,
)
from tests.royalty_records import (
    LICENSEE,
    a_match,
    a_passage,
    a_scan_result,
    some_rights,
    store_rights,
    withdraw,
)

EXAMPLES = int(os.environ.get("SOURCEPRINT_MONEY_EXAMPLES", "12"))
STEPS = 9
SHARED_OUT = Fraction(1, 10**9)  # a part of a pot is a whole number of 10**-12; the oracle leaves it exact
NOW = datetime(2027, 1, 2, 10, 0, 0, tzinfo=UTC)


class Money(RuleBasedStateMachine):
    """A licensee's year: the product's database, and beside it the world of the oracle."""

    empty: Path

    @initialize(
        drawn=licences(),
        pool=pools(),
        order=st.permutations(QUARTERS),
        first=st.lists(tracks, min_size=3, max_size=3),
        chosen=st.lists(choices, min_size=2, max_size=3),
    )
    def open(
        self,
        drawn: list[Licence],
        pool: Pool | None,
        order: list[Quarter],
        first: list[Track],
        chosen: list[tuple[str, Choice]],
    ) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.database = Database.open(shutil.copyfile(self.empty, self.folder / "rights.sqlite"))
        self.moment = NOW
        self.issued_on = date(2027, 1, 2)
        self.scanned: dict[str, list[tuple[str, int, float]]] = {}  # recording, milliseconds, confidence
        self.decided: set[tuple[str, str]] = set()
        self.stated: list[tuple[Quarter, Statement]] = []
        self.paid: dict[str, Fraction] = defaultdict(Fraction)
        self.within = SHARED_OUT if pool or any(licence.tiered for licence in drawn) else Fraction(0)
        self.minimum: dict[str, int] = {}
        self.world = World(works=WORKS, licences=drawn, lengths=LENGTHS, rates=RATES)
        if pool is not None:
            self.world.pool = replace(pool, minimum=max(licence.minimum for licence in drawn))
            self.world.choices = dict(chosen)
        for subject, right, holders in FIRST_OWNERS:
            self.world.shares += [Share(subject, right, party, part) for party, part in holders.items()]
        rights = some_rights(
            WORKS,
            owner_of={"R1": "P-A", "R2": "P-B", "W1": "P-PUB", "W2": "P-WRITER"},
            licences=(),
            recording_fields={recording: {"duration_ms": int(1000 * length)} for recording, length in LENGTHS.items()},
        )
        store_rights(self.database, replace(rights, master_shares={}, work_shares={}))
        self.enter_rights()
        self.to_state = order
        for track in first:
            self.attribute(track)

    def teardown(self) -> None:
        if hasattr(self, "folder"):
            shutil.rmtree(self.folder)

    # Events.

    def enter_rights(self) -> None:
        """Bring shares and licences on file in line with those of the oracle."""
        kept: list[Record] = [*as_shares(self.world.shares), *map(as_licence, self.world.licences)]
        if self.world.pool is not None:
            kept += [as_pool(self.world.pool), *as_choices(self.world.choices)]
        tables: dict[Table, list[dict[str, object]]] = defaultdict(list)
        for record in kept:
            tables[table_of(record)].append(row_of(record))
        with self.database.changing(source="test", by="ann", now=self.later()) as change:
            for table, rows in tables.items():
                apply_records(change, table, rows)
                on_file = set(change.connection.scalars(select(table.c.id).where(table.c.until.is_(None))))
                withdraw(change, table, on_file - {row["id"] for row in rows})

    def later(self) -> datetime:
        self.moment += timedelta(seconds=1)
        return self.moment

    @rule(track=tracks)
    def attribute(self, track: Track) -> None:
        """Attribute a new track."""
        name = f"{len(self.scanned)}.wav"
        day, territories, found = track
        self.scanned[name] = [(recording, *one) for recording, one in sorted(found.items())]
        for recording, length, confidence in self.scanned[name]:
            seconds = Fraction(length, 1000)
            state = first_state(seconds, confidence)
            self.world.uses[name, recording] = Use(name, recording, seconds, state, day, territories)
        self.enter_scan(name)

    def enter_scan(self, track: str, leave_out: int = 0, **searched: Any) -> None:
        """Enter a scan of a track, with all that it uses, or some of that left out."""
        of_track = [use for use in self.world.uses.values() if use.track == track]
        matches = [
            a_match(recording, a_passage(20_000 * at, 20_000 * at + length, confidence=confidence))
            for at, (recording, length, confidence) in enumerate(self.scanned[track])
        ]
        result = a_scan_result(track, *matches[leave_out:])
        path = self.folder / "results.jsonl"
        path.write_text(json.dumps({**result, "searched": {**result["searched"], **searched}}) + "\n")
        attribute_results(
            self.database,
            path,
            POLICY,
            licensee=LICENSEE,
            generated_on=of_track[0].made_on.isoformat(),
            territories=of_track[0].territories,
            by="ann",
            now=self.later(),
        )

    @rule(data=st.data(), moved=st.sampled_from([-1_500, -999, 400, 999, 1_000]))
    def scan_again(self, data: st.DataObject, moved: int) -> None:
        """Scan a track again, and find the end of a passage elsewhere."""
        track = data.draw(st.sampled_from(sorted(self.scanned)))
        recording, length, confidence = self.scanned[track][0]
        self.scanned[track][0] = (recording, length + moved, confidence)
        before = self.world.uses[track, recording]
        seconds = Fraction(length + moved, 1000)
        state = first_state(seconds, confidence)
        if (track, recording) in self.decided:
            state = before.state if abs(moved) < 1_000 else "review"
            if abs(moved) >= 1_000:
                self.decided.discard((track, recording))
        self.world.uses[track, recording] = replace(before, state=state, seconds=seconds)
        self.enter_scan(track)

    @rule(data=st.data())
    def look_narrowly(self, data: st.DataObject) -> None:
        """Scan a track again in a part of the index, and find less: nothing is withdrawn."""
        track = data.draw(st.sampled_from(sorted(self.scanned)))
        self.enter_scan(track, leave_out=1, only=["tag:pop"], recordings=2)

    @rule(data=st.data())
    def decide(self, data: st.DataObject) -> None:
        """Let a person change the state of a use."""
        which = data.draw(st.sampled_from(sorted(self.world.uses)))
        use = self.world.uses[which]
        state = data.draw(st.sampled_from(TRANSITIONS[use.state]))
        with self.database.reading() as connection:
            (use_id,) = [
                one.id for one in current_uses(connection, LICENSEE) if (one.track_name, one.recording_id) == which
            ]
        change_state(self.database, [use_id], state, "a letter", "ann", now=self.later())
        self.world.uses[which] = replace(use, state=state)
        self.decided.add(which)

    @rule(what=owned, split=splits, day=st.one_of(st.none(), days))
    def transfer(self, what: tuple[str, str], split: tuple[tuple[str, int], ...], day: date | None) -> None:
        """Sell all shares of a right on a day, or correct them from the start."""
        kept = []
        for share in self.world.shares:
            if (share.subject, share.right) != what or (day and share.last and share.last < day):
                kept.append(share)
            elif day and (share.first is None or share.first < day):
                kept.append(replace(share, last=day - timedelta(days=1)))
        self.world.shares = kept + [Share(*what, party, Fraction(part, 1_000_000), day) for party, part in split]
        self.enter_rights()

    @rule(chosen=choices)
    def choose(self, chosen: tuple[str, Choice]) -> None:
        """Opt a recording in to training, or out of it, in place of the choice that was on file."""
        if self.world.pool is not None:
            self.world.choices |= [chosen]
            self.enter_rights()

    @rule(data=st.data(), day=days)
    def amend(self, data: st.DataObject, day: date) -> None:
        """Amend a licence from a day on."""
        at = data.draw(st.integers(0, len(self.world.licences) - 1))
        licence = self.world.licences[at]
        latest, terms = licence.versions[-1]
        if day <= latest or (licence.last and day > licence.last):
            return
        change: dict[str, Any] = data.draw(
            st.one_of(
                rates.map(lambda rate: {"per_second": rate}),
                st.sampled_from([{"without": frozenset({"DE"})}, {"precedence": 3}, {"deduction": Fraction(1, 4)}]),
            )
        )
        amended = replace(terms, **change)
        if amended == terms:
            return
        self.world.licences[at] = replace(licence, versions=(*licence.versions, (day, amended)))
        self.enter_rights()

    @rule(
        data=st.data(),
        quarter=st.sampled_from(QUARTERS),
        by_digest=st.booleans(),
        by_day=st.booleans(),
        sold=st.booleans(),
    )
    def report(self, data: st.DataObject, quarter: Quarter, by_digest: bool, by_day: bool, sold: bool) -> None:
        """Enter or restate the usage that the licensee reports for a period, of the tracks made by its end."""
        made = {use.track for use in self.world.uses.values() if use.made_on <= quarter.last}
        places = [(track, territory) for track in sorted(made) for territory in TERRITORIES]
        if not places:
            return
        chosen = data.draw(st.lists(st.sampled_from(places), min_size=1, max_size=4, unique=True))
        in_days = (quarter.last - quarter.first).days
        rows = []
        for place in chosen:
            for at in range(2 if by_day else 1):
                usages = data.draw(st.integers(0, 1_000))
                day = quarter.first + timedelta(days=in_days * at) if by_day else None
                revenue = Fraction(data.draw(st.integers(0, 99_999))) if sold else None
                currency = data.draw(st.sampled_from([STATED, "USD"])) if sold else STATED
                rows.append(Row(*place, usages, day, revenue, currency))
        self.world.reports[quarter] = tuple(rows)
        self.within = max(self.within, SHARED_OUT if sold else Fraction(0))
        usage = Usage(tuple(as_row(row, by_digest=by_digest) for row in rows), "a" * 64)
        why = "a shop was late" if quarter in dict(self.stated) else ""
        restate_usage(
            self.database,
            licensee=LICENSEE,
            period=as_period(quarter),
            usage=usage,
            reason=why,
            by="bob",
            now=self.later(),
        )

    # Comparisons.

    @invariant()
    def issue_in_turn(self) -> None:
        """State the next period after every second of the events above."""
        events, self.events = getattr(self, "events", 0), getattr(self, "events", 0) + 1
        if events and events % 2 == 0 and self.to_state:
            self.issue(self.to_state.pop())

    def issue(self, quarter: Quarter) -> None:
        """State a period, and compare the statement with the oracle."""
        if len(self.to_state) % 2:
            assert self.product_statement(quarter, provisional=True).provisional
        statement = self.product_statement(quarter)
        prove(statement)
        periods = [one for one, _ in self.stated]
        books = auditor.all_books(self.world, [*periods, quarter])
        assert outside_of(statement) == books[-1].outside
        unused = {(one.territory, one.currency): one.revenue for one in statement.unused_revenue}
        assert unused == books[-1].unused
        agree(lines_of(statement), books[-1].lines, "lines", within=self.within)
        before = dict(zip(periods, books[:-1], strict=True))
        agree(adjustments_of(statement), self.expected_adjustments(before), "adjustments", within=self.within)
        self.compare_payments(statement, auditor.due_to_date(self.world, [*periods, quarter], books))
        self.stated.append((quarter, statement))

    def product_statement(self, quarter: Quarter, **options: Any) -> Statement:
        return issue_statement(
            self.database,
            licensee=LICENSEE,
            period=as_period(quarter),
            issued_on=self.issued_on.isoformat(),
            by="ann",
            currency=STATED,
            rates=as_rates(self.world.rates),
            now=self.later(),
            today=self.issued_on,
            **options,
        )

    def expected_adjustments(self, now: dict[Quarter, auditor.Books]) -> dict[tuple[Any, ...], Fraction]:
        """Return the present amounts of earlier statements, less the amounts stated of them so far."""
        expected: dict[tuple[Any, ...], Fraction] = defaultdict(Fraction)
        for quarter, statement in self.stated:
            for key, net in now[quarter].lines.items():
                expected[statement.id, *key] += net
            for key, net in lines_of(statement).items():
                expected[statement.id, *key] -= net
            for which, net in adjustments_of(statement).items():
                expected[which] -= net
        return nonzero(expected)

    def compare_payments(self, statement: Statement, due_to_date: dict[str, Fraction]) -> None:
        """Compare due, paid and carried amounts; nobody is paid a cent more or less than is due to date."""
        balances = {one.party_id: one for one in statement.balances}
        owed = [(one.kind, one.party_id) for one in statement.lines]
        owed += [(one.kind, one.party_id) for one in statement.adjustments]
        for kind, party in owed:
            if kind == "payable":
                self.minimum[party] = max(licence.minimum for licence in self.world.licences)
        for party in {*due_to_date, *balances}:
            due = due_to_date.get(party, Fraction(0)) - self.paid[party]
            minimum = self.minimum.get(party, 0)
            if party not in balances:
                assert abs(due) <= self.within, party
                continue
            balance = balances[party]
            stated, paid, carried = (in_cents(amount) for amount in (balance.due, balance.paid, balance.carried))
            assert abs(stated - due) <= self.within, party
            assert paid == auditor.payment(stated, minimum), party
            assert carried == stated - paid, party
            self.paid[party] += paid
            assert abs(stated - paid) < 1 or stated < max(minimum, 1), party


def agree(found: dict[Any, Fraction], expected: dict[Any, Fraction], what: str, *, within: Fraction) -> None:
    """Compare amounts of the product and the oracle, and name those that differ."""
    differ = {
        key: (found.get(key), expected.get(key))
        for key in found.keys() | expected.keys()
        if abs(found.get(key, Fraction(0)) - expected.get(key, Fraction(0))) > within
    }
    assert not differ, f"{what}, product and oracle: {differ}"


def nonzero(amounts: dict[Any, Fraction]) -> dict[Any, Fraction]:
    return {key: amount for key, amount in amounts.items() if amount}


def lines_of(statement: Statement) -> dict[Any, Fraction]:
    """Return the lines of a statement that are worth something, by key."""
    return summed((_key(line), in_cents(line.net)) for line in statement.lines)


def _key(line: Line | Adjustment) -> Key:
    """Return the key of a line; of revenue that no use accounts for, its territory and licence alone."""
    territory, right, kind, party, recording, work, licence = key_of(line)
    if kind == "unmatched":
        right = party = recording = work = ""
    return territory, right, kind, party, recording, work, licence


def summed(amounts: Iterable[tuple[Any, Fraction]]) -> dict[Any, Fraction]:
    sums: dict[Any, Fraction] = defaultdict(Fraction)
    for key, amount in amounts:
        sums[key] += amount
    return nonzero(sums)


def adjustments_of(statement: Statement) -> dict[Any, Fraction]:
    return summed(((one.statement_id, *_key(one)), in_cents(one.amount)) for one in statement.adjustments)


def outside_of(statement: Statement) -> set[tuple[Any, ...]]:
    """Return the shares that no licence permits: track, recording, territory, outcome, right, work, party, part."""
    uses = {use.id: use for use in statement.uses}
    return {
        (
            uses[one.use_id].track_name,
            one.recording_id,
            one.territory,
            one.outcome,
            one.right,
            one.work_id,
            one.party_id,
            Fraction(one.share_millionths, 1_000_000),
        )
        for one in statement.outside
    }


@pytest.mark.slow
def test_statements_equal_those_of_an_auditor(new_sqlite: Path) -> None:
    Money.empty = new_sqlite
    run_state_machine_as_test(
        Money,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
