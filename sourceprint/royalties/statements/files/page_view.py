"""The content of a statement's page as text: amounts, names and times written out, grouped and summed.

`View.whole` is the whole statement; `View.of_party` is the part of one party, without money of others. Both are
plain mappings for the templates; all order is that of the statement.
"""

from collections import Counter
from collections.abc import Iterable
from fractions import Fraction
from itertools import chain
from typing import Any

from sourceprint.royalties.deals.volumes import steps_text
from sourceprint.royalties.decimals import decimal_text
from sourceprint.royalties.money import Amount, currency_exponent, sum_of
from sourceprint.royalties.percentages import format_percent
from sourceprint.royalties.rights.records import Party
from sourceprint.royalties.statements.amounts.lines import KINDS, Adjustment, Line
from sourceprint.royalties.statements.files.line_tables import StatementNames
from sourceprint.royalties.statements.files.page_lines import LineView, followed_lines
from sourceprint.royalties.statements.files.statement_json import statement_digest
from sourceprint.royalties.statements.statement import Balance, HeldShare, OptedOut, Statement
from sourceprint.royalties.uses.usage import NOT_SCANNED
from sourceprint.signatures import PublicKey

__all__ = ["KIND_WORDS", "View"]

MAX_USAGE_ROWS = 100
MAX_OUTSIDE = 500
_MAX_BARS = 12

KIND_WORDS = {
    "payable": "Payable",
    "unclaimed": "Unclaimed",
    "overclaim": "Overclaim, held",
    "held": "Held",
    "unmatched": "Unmatched",
}


class View:
    """A statement, written out for a page.

    Parameters
    ----------
    statement : Statement
    """

    def __init__(self, statement: Statement) -> None:
        self._statement = statement
        self._names = StatementNames(statement)
        self._uses = {use.id: use for use in statement.uses}
        self._of_lines = LineView(statement.currency, self._names, self._uses)
        self._digest = statement_digest(statement)
        self._payable: dict[str, list[Line]] = {}
        for line in statement.lines:
            if line.kind == "payable":
                self._payable.setdefault(line.party_id, []).append(line)
        self._held: dict[str, list[HeldShare]] = {}
        for held in statement.held:
            self._held.setdefault(held.party_id, []).append(held)
        self._adjusted: dict[str, list[Adjustment]] = {}
        for adjustment in statement.adjustments:
            if adjustment.kind == "payable":
                self._adjusted.setdefault(adjustment.party_id, []).append(adjustment)
        self._accounts = {balance.party_id: balance for balance in statement.balances}
        self._namesakes = Counter(party.name for party in statement.parties)

    def whole(self) -> dict[str, Any]:
        """Return the content of the page of the statement."""
        statement = self._statement
        of_party = {party_id: self._payable[party_id] for party_id in sorted(self._payable)}
        of_kind = {kind: [line for line in statement.lines if line.kind == kind] for kind in KINDS[1:]}
        followed, not_followed = followed_lines(chain(*of_party.values(), *of_kind.values()))
        groups = [
            {"party": self._party(party_id), "number": number, **self._of_lines.group(lines, followed, whole=True)}
            for number, (party_id, lines) in enumerate(of_party.items(), start=1)
        ]
        kept = [
            {"kind": kind, "words": KIND_WORDS[kind], **self._of_lines.group(lines, followed, whole=True)}
            for kind, lines in of_kind.items()
            if lines
        ]
        return {
            **self.summary(),
            "groups": groups,
            "kept": kept,
            "bars_by_party": self.bars(
                {self._label(party_id): sum_of(one.net for one in lines) for party_id, lines in self._payable.items()}
            ),
            "bars_by_track": self.bars(
                self._of_lines.by_track(line for line in statement.lines if line.kind != "unmatched")
            ),
            "bars_by_kind": self.bars(
                {KIND_WORDS[kind]: self._gross(kind) for kind in KINDS if self._gross(kind)}, sort=False
            ),
            "not_drilled": not_followed,
        }

    def summary(self) -> dict[str, Any]:
        """Return the content of the page of the statement but for its lines and pictures."""
        statement = self._statement
        return {
            **self._facts(),
            "kinds": self._kinds(),
            "balances": self._balances(statement.balances),
            "advances": self._advances(None),
            "opted_out": [self._opted_out(one) for one in statement.opted_out],
            "tiers": [
                {"licence": pot.licence_id, "words": steps_text(pot), "amount": self._money(pot.amount)}
                for pot in statement.tiers
            ],
            "adjustments": [self._adjustment(one) for one in statement.adjustments],
            "outside": [self._outside(index) for index in range(min(len(statement.outside), MAX_OUTSIDE))],
            "n_outside": len(statement.outside),
            "totals": self._totals(),
            "usage": self._usage(),
            "unused_revenue": [one.text(statement) for one in statement.unused_revenue],
            "n_usage": len(statement.usage),
        }

    def of_party(self, party_id: str) -> dict[str, Any]:
        """Return the content of the page of one party: its own lines, balance and adjustments."""
        lines = self._payable.get(party_id, [])
        followed, not_followed = followed_lines(lines)
        named = {line.licence_id for line in lines}
        facts = self._facts()
        return {
            **facts,
            "licences": [one for one in facts["licences"] if one["id"] in named],
            "party": self._party(party_id),
            "group": self._of_lines.group(lines, followed, whole=False),
            "balances": self._balances([self._accounts[party_id]] if party_id in self._accounts else []),
            "advances": self._advances(party_id),
            "held": [self._held_share(one) for one in self._held.get(party_id, ())],
            "held_sum": self._money(sum_of(one.amount for one in self._held.get(party_id, ()))),
            "opted_out": [self._opted_out(one) for one in self._statement.opted_out if party_id in one.party_ids],
            "adjustments": [self._adjustment(one) for one in self._adjusted.get(party_id, ())],
            "bars_by_track": self.bars(self._of_lines.by_track(lines)),
            "not_drilled": not_followed,
        }

    def party_ids(self) -> list[str]:
        """Return the ids of all parties that have money in the statement, held or not, sorted."""
        return sorted({*self._payable, *self._accounts, *self._adjusted, *self._held} - {""})

    def bars(self, amounts: dict[str, Amount], *, sort: bool = True) -> list[tuple[str, Amount, str]]:
        """Return label, amount and text, by size or as they come; the rest after the twelfth is one bar."""
        items = sorted(amounts.items(), key=lambda item: (-item[1].grains, item[0])) if sort else list(amounts.items())
        shown, rest = items[:_MAX_BARS], items[_MAX_BARS:]
        if rest:
            shown.append((f"{len(rest)} others", sum_of(amount for _, amount in rest)))
        return [(label, amount, self._money(amount)) for label, amount in shown]

    def _money(self, amount: Amount) -> str:
        return amount.shown(self._statement.currency)

    def _facts(self) -> dict[str, Any]:
        statement = self._statement
        return {
            "id": statement.id,
            "provisional": statement.provisional,
            "digest": self._digest,
            "period": statement.period.label,
            "start": statement.period.start.isoformat(),
            "end": statement.period.end.isoformat(),
            "issued_on": statement.issued_on,
            "currency": statement.currency,
            "licensee": _party_view(statement.licensee),
            "licences": [{"id": licence_id, "digest": digest} for licence_id, digest in statement.licences],
            "policy": {"name": statement.policy_name, "digest": statement.policy_digest},
            "rights_revision": statement.rights_revision,
            "signer": _signer_view(statement.signer),
            "chain_head": statement.chain_head,
            "backdated": statement.backdated,
            "log_checkpoint": _checkpoint_view(statement.log_checkpoint),
            "usage_sha256": statement.usage_sha256,
            "fx_sha256": statement.fx_sha256,
            "conversions": [
                {
                    "text": f"1 {one.source} = {decimal_text(round(one.rate * 10**10), 10)} {one.target}",
                    "day": one.day,
                    "publisher": one.publisher,
                }
                for one in statement.conversions
            ],
        }

    def _label(self, party_id: str) -> str:
        """Return the name of a party, with its id where another party has the same name."""
        name = self._names.party(party_id).name or party_id
        return f"{party_id} {name}" if self._namesakes[name] > 1 else name

    def _party(self, party_id: str) -> dict[str, str]:
        return _party_view(self._names.party(party_id))

    def _gross(self, kind: str) -> Amount:
        return sum_of(line.gross for line in self._statement.lines if line.kind == kind)

    def _kinds(self) -> list[dict[str, str]]:
        rows = [{"words": KIND_WORDS[kind], "gross": self._money(self._gross(kind))} for kind in KINDS]
        total = sum_of(line.gross for line in self._statement.lines)
        return [*rows, {"words": "All lines", "gross": self._money(total)}]

    def _balances(self, balances: Iterable[Balance]) -> dict[str, Any]:
        rows = list(balances)
        fields = ("opening", "lines", "adjustments", "recouped", "due", "carried")
        return {
            "rows": [
                {
                    "party": self._party(one.party_id),
                    "minimum": one.minimum.text(self._statement.currency),
                    "paid": one.paid.text(self._statement.currency),
                    **{name: self._money(getattr(one, name)) for name in fields},
                }
                for one in rows
            ],
            "sum": {name: self._money(sum_of(getattr(one, name) for one in rows)) for name in fields}
            | {"paid": sum_of(one.paid for one in rows).text(self._statement.currency)},
        }

    def _advances(self, party_id: str | None) -> list[dict[str, str]]:
        """Return the advances that are not settled; for one party its own part, and the whole only if nobody else's."""
        rows = []
        for account in self._statement.advances:
            own = [one for one in account.recouped if party_id in (None, one.party_id)]
            now, to_date = sum_of(one.now for one in own), sum_of(one.to_date for one in own)
            alone = party_id is None or (bool(own) and len(own) == len(account.recouped))
            if (account.balance and alone) or now:
                rows.append(
                    {
                        "licence": account.licence_id,
                        "paid_on": account.paid_on,
                        "stated": account.stated if alone else "",
                        "now": self._money(now),
                        "to_date": self._money(to_date),
                        "balance": self._money(account.balance) if alone else "",
                    }
                )
        return rows

    def _adjustment(self, one: Adjustment) -> dict[str, str]:
        return {
            "period": one.period,
            "statement_id": one.statement_id,
            "words": KIND_WORDS.get(one.kind, one.kind),
            "party": self._names.party(one.party_id).name,
            "recording": self._names.title("recording", one.recording_id),
            "work": self._names.title("work", one.work_id),
            "right": one.right,
            "territory": one.territory,
            "stated": self._money(one.stated),
            "now": self._money(one.now),
            "amount": self._money(one.amount),
            "reason": one.reason,
        }

    def _held_share(self, one: HeldShare) -> dict[str, Any]:
        line = self._statement.lines[one.line - 1]
        return {
            "number": line.number,
            "recording": self._names.title("recording", line.recording_id),
            "work": self._names.title("work", line.work_id),
            "right": line.right,
            "territory": line.territory,
            "reason": one.reason,
            "amount": self._money(one.amount),
        }

    def _opted_out(self, one: OptedOut) -> dict[str, str]:
        return {
            "recording": self._names.title("recording", one.recording_id),
            "isrc": self._names.code("recording", one.recording_id),
            "owners": ", ".join(self._names.party(party_id).name for party_id in one.party_ids),
            "licence": one.licence_id,
            "reason": one.reason,
        }

    def _outside(self, index: int) -> dict[str, str]:
        one = self._statement.outside[index]
        use = self._uses.get(one.use_id)
        return {
            "use_id": one.use_id,
            "track": use.track_name if use else "",
            "recording": self._names.title("recording", one.recording_id or (use.recording_id if use else "")),
            "work": self._names.title("work", one.work_id),
            "right": one.right or "all",
            "party": self._names.party(one.party_id).name if one.party_id else "",
            "share": format_percent(one.share_millionths),
            "territory": one.territory,
            "words": {
                "outside_licence": "outside the licence",
                "no_licence": "no licence",
                "opted_out": "opted out",
                "term_ended": "term ended",
            }.get(one.outcome, one.outcome),
            "licence": one.licence_id,
            "rule": one.rule,
        }

    def _totals(self) -> list[dict[str, Any]]:
        return [
            {
                "territory": total.territory,
                "right": total.right,
                "total": total.total.text(self._statement.currency),
                "lines_sum": total.lines_sum.text(self._statement.currency),
                "holds": total.total == total.lines_sum,
            }
            for total in self._statement.totals
        ]

    def _usage(self) -> list[dict[str, str]]:
        return [
            {
                "track": row.track or row.track_id or "the territory as a whole",
                "territory": row.territory,
                "usages": str(row.usages) + (f", {row.matched_by}" if row.matched_by == NOT_SCANNED else ""),
                "revenue": "not reported" if row.revenue is None else _revenue(row.revenue, row.currency),
            }
            for row in self._statement.usage[:MAX_USAGE_ROWS]
        ]


def _signer_view(signer: str) -> dict[str, str] | None:
    if not signer:
        return None
    key = PublicKey.parse(signer)
    return {"name": key.name, "id": key.id, "fingerprint": key.fingerprint}


def _checkpoint_view(text: str) -> dict[str, str] | None:
    if not text:
        return None
    origin, size, root = text.split("\n")[:3]
    return {"origin": origin, "size": size, "root": root}


def _party_view(party: Party) -> dict[str, str]:
    ids = [
        f"{name} {value}" for name, value in (("IPI", party.ipi), ("ISNI", party.isni), ("DPID", party.dpid)) if value
    ]
    return {"id": party.id, "name": party.name or party.id, "ids": ", ".join(ids)}


def _revenue(minor: Fraction, currency: str) -> str:
    return f"{decimal_text(round(minor * 10**4), currency_exponent(currency) + 4)} {currency}"
