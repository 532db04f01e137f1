r"""A statement as DSR-shaped files: DDEX Digital Sales Report, Royalty Reporting Profile. DSR-shaped; not certified.

What stands for what:

======  ================================================================================================================
SY07    one per territory and right. AllocatedRevenue is the sum of the gross amounts of its lines, AllocatedNetRevenue
        that of the net ones; Usages is what is reported for the territory. The list of rights has no right in the
        recording: `Master` is written as UserDefined, and ServiceDescription says so
block   one per recording, or per work where no recording is known; the unmatched revenue of all has one of its own
RE01    the generated track, where the block is about a single one
AS01    the recording; artist and duration as on file, else "Unknown" and PT0S
MW01    a work
RU02    one AI-generated output that contains the resource: a generated track, with its usages in the territory (1 where
        none are reported)
SU03    what one generated track brings to the block for a summary record: NetRevenue is what its uses add to the
        gross amounts of the block, which sums to them
LI01    one line of the statement: AllocatedAmount is its gross amount, AllocatedNetRevenue what is left after
        deductions. RightsController is the payee, or one of the words `unclaimed`, `conflict` (shares over 100 %),
        `held`, `unmatched`
======  ================================================================================================================

A summary record alone, with nothing in it, is the form that says there is nothing to report. Ids of parties are
`DPID::`, `ISNI::` or `IPI::`, else `Party::` and the own id. The report is dated at the start of the day of issue in
UTC, so that the same statement gives the same bytes. A long report is split between blocks into x-of-y files; each has
the header and all summary records.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from fractions import Fraction

from fingerprint.errors import ParameterError
from sourceprint.royalties.money import ZERO, Amount, sum_of
from sourceprint.royalties.rights.records import MASTER, WORK_RIGHTS, Party
from sourceprint.royalties.statements.files.dsr_records import NOTICE, RECORDS, to_text
from sourceprint.royalties.statements.files.line_tables import StatementNames
from sourceprint.royalties.statements.statement import Line, Statement
from sourceprint.royalties.territories import WORLDWIDE

__all__ = ["MAX_LINES", "PROFILE", "README", "SERVICE", "dsr_files"]

PROFILE = "RoyaltyReportingProfile"
SERVICE = "GeneratedMusic"
MAX_LINES = 500_000

README = f"""{NOTICE}.

These files have the layout of a DDEX Digital Sales Report, Royalty Reporting Profile: cells of the schema 1.0.1. They
have not been certified by DDEX, and implementing DDEX standards needs a licence from DDEX, which is free of charge.

What differs, or was agreed nowhere else: the right in a recording (Master) is written as the right UserDefined;
RightsController may be one of the words unclaimed, conflict, held, unmatched; DspReleaseId may be the word unmatched;
AllocatedAmount is the gross amount, AllocatedNetRevenue what is left after deductions; party ids that have no DPID,
ISNI or IPI are written as Party:: and an id of the sender. Adjustments to earlier periods and balances are no part of
these files: they stand in the statement itself (statement.json, statement.html).
"""

_VERSION = ("dsrf/1.4/unstated/1.0.1", PROFILE, "1.0.1")
_WORDS = {"unclaimed": "unclaimed", "overclaim": "conflict", "held": "held", "unmatched": "unmatched"}
_UNMATCHED = "unmatched"
_Record = tuple[str, ...]


@dataclass(slots=True)
class _Block:
    """The lines of one recording or work, and the tracks that they come from."""

    recording_id: str
    work_id: str
    lines: list[Line] = field(default_factory=list)


def dsr_files(statement: Statement, *, max_lines: int = MAX_LINES) -> list[tuple[str, bytes]]:
    """Return the report of a statement as files: names and contents, in order.

    Parameters
    ----------
    statement : Statement
    max_lines : int
        Most records in one file, header and footer included; a block is never divided, so a file that holds a single
        block may have more.

    Raises
    ------
    ParameterError
        If `max_lines` leaves no room for a block beside header, summary records and footer.
    """
    writer = _Writer(statement)
    summaries = writer.summaries()
    fixed = len(summaries) + 2
    if max_lines < fixed + 1:
        raise ParameterError(
            f"max_lines {max_lines}: header, footer and {len(summaries)} summary records take {fixed}; "
            f"take at least {fixed + 1}"
        )
    parts: list[list[list[_Record]]] = [[]]
    room = max_lines - fixed
    for block in writer.blocks():
        if parts[-1] and len(block) > room:
            parts.append([])
            room = max_lines - fixed
        parts[-1].append(block)
        room -= len(block)
    n_lines = [fixed + sum(len(block) for block in blocks) for blocks in parts]
    n_blocks = sum(len(blocks) for blocks in parts)
    files = []
    for number, blocks in enumerate(parts, start=1):
        last = number == len(parts)
        foot = (
            "FOOT",
            str(n_lines[number - 1]),
            str(sum(n_lines)) if last else "",
            str(len(summaries)),
            str(len(blocks)),
            str(n_blocks) if last else "",
        )
        records = [writer.head(number, len(parts)), *summaries, *(one for block in blocks for one in block), foot]
        files.append((writer.name(number, len(parts)), _encoded(records)))
    return files


class _Writer:
    """The records of one statement."""

    def __init__(self, statement: Statement) -> None:
        self._statement = statement
        self._names = StatementNames(statement)
        self._credits = {credit.recording_id: credit for credit in statement.credits}
        self._uses = {use.id: use for use in statement.uses}
        self._track_names: dict[str, set[str]] = {}
        for use in statement.uses:
            self._track_names.setdefault(use.track_sha256, set()).add(use.track_name)
        groups = {(total.territory, total.right) for total in statement.totals}
        groups |= {(line.territory, line.right) for line in statement.lines}
        self._summary_ids = {group: f"SY{number}" for number, group in enumerate(sorted(groups), start=1)}
        self._reported: dict[tuple[str, str], int] = {}
        for row in statement.usage:
            key = (row.key, row.territory)
            self._reported[key] = self._reported.get(key, 0) + row.usages

    def name(self, number: int, of: int) -> str:
        territories = {territory for territory, _ in self._summary_ids} or {WORLDWIDE}
        sender = self._statement.licensee
        elements = (
            "DSR",
            "",  # the recipient is left out where there are several
            _element(sender.dpid or sender.id),
            SERVICE,
            self._statement.period.label,
            territories.pop() if len(territories) == 1 else "Multi",
            f"{number}of{of}",
            f"{self._statement.issued_on.replace('-', '')}T000000",
        )
        return "_".join(elements) + ".tsv"

    def head(self, number: int, of: int) -> _Record:
        statement = self._statement
        return (
            "HEAD",
            *_VERSION,
            to_text(statement.id),
            f"{statement.issued_on}T00:00:00Z",
            str(number),
            str(of),
            statement.period.start.isoformat(),
            statement.period.end.isoformat(),
            _party_id(statement.licensee),
            to_text(statement.licensee.name) or "Unknown",
            SERVICE,
            "",
            "",
            "",
        )

    def summaries(self) -> list[_Record]:
        gross = dict.fromkeys(self._summary_ids, ZERO)
        net = dict.fromkeys(self._summary_ids, ZERO)
        for line in self._statement.lines:
            group = (line.territory, line.right)
            gross[group], net[group] = gross[group] + line.gross, net[group] + line.net
        made = [
            self._summary(summary_id, *group, gross[group], net[group])
            for group, summary_id in self._summary_ids.items()
        ]
        return made or [self._summary("SY1", WORLDWIDE, "UserDefined", ZERO, ZERO)]

    def blocks(self) -> Iterable[list[_Record]]:
        blocks: dict[tuple[str, str], _Block] = {}
        for line in self._statement.lines:
            key = (line.recording_id, "" if line.recording_id else line.work_id)
            blocks.setdefault(key, _Block(*key)).lines.append(line)
        for number, key in enumerate(sorted(blocks), start=1):
            yield self._block(f"B{number}", blocks[key])

    def _summary(self, summary_id: str, territory: str, right: str, gross: Amount, net: Amount) -> _Record:
        currency = self._statement.currency
        of_tracks = [n for (track, where), n in self._reported.items() if track and where == territory]
        usages = sum(of_tracks) if of_tracks else self._reported.get(("", territory), 0)
        cells = dict.fromkeys((cell.name for cell in RECORDS["SY07"]), "")
        cells |= {
            "RecordType": "SY07",
            "SummaryRecordId": summary_id,
            "Territory": territory,
            "RightsType": _right(right),
            "ServiceDescription": "Right in the recording (Master)" if right == MASTER else SERVICE,
            "Usages": str(usages),
            "Currency": currency,
            "AllocatedRevenue": gross.text(currency),
            "AllocatedNetRevenue": net.text(currency),
        }
        return tuple(cells.values())

    def _block(self, block_id: str, block: _Block) -> list[_Record]:
        tracks = sorted({self._track(part.use_id) for line in block.lines for part in line.contributions})
        records: list[_Record] = []
        known = [track for track in tracks if track[0] != _UNMATCHED]
        if len(known) == 1 == len(tracks):
            licensee = self._statement.licensee
            track_id, title = known[0]
            release = ("RE01", block_id, "R1", track_id, "", "", "", to_text(licensee.name) or "Unknown")
            records.append((*release, _party_id(licensee), title, "", "", "", "", ""))
        if block.recording_id:
            records.append(self._resource(block_id, block.recording_id))
        works = sorted({line.work_id for line in block.lines if line.work_id})
        records += [self._work(block_id, work_id) for work_id in works]
        groups: dict[tuple[str, str], list[Line]] = {}
        for line in block.lines:
            groups.setdefault((line.territory, line.right), []).append(line)
        used, sales, lines = [], [], []
        for group, of_group in sorted(groups.items()):
            summary_id = self._summary_ids[group]
            for (track_id, title), amount in self._by_track(of_group).items():
                usages = "0" if track_id == _UNMATCHED else str(self._usages(track_id, group[0]))
                if track_id != _UNMATCHED:
                    used.append(("RU02", block_id, summary_id, track_id, usages, title, ""))
                sales.append((summary_id, track_id, usages, amount.text(self._statement.currency)))
            lines += [self._line(block_id, summary_id, line) for line in of_group]
        days = (self._statement.period.start.isoformat(), self._statement.period.end.isoformat())
        records += used
        for number, (summary_id, track_id, usages, amount_text) in enumerate(sales, start=1):
            transaction = f"{block_id}-{number}"
            records.append(("SU03", block_id, transaction, summary_id, track_id, usages, amount_text, *days))
        return records + lines

    def _resource(self, block_id: str, recording_id: str) -> _Record:
        credit = self._credits.get(recording_id)
        return (
            "AS01",
            block_id,
            "A1",
            to_text(recording_id),
            self._names.code("recording", recording_id),
            to_text(self._names.title("recording", recording_id)),
            "",
            to_text(", ".join(credit.artists) if credit else "") or "Unknown",
            "",
            _duration(credit.duration_ms if credit and credit.duration_ms else 0),
            "SoundRecording",
        )

    def _work(self, block_id: str, work_id: str) -> _Record:
        head = ("MW01", block_id, to_text(work_id), self._names.code("work", work_id))
        title = to_text(self._names.title("work", work_id))
        return (*head, title, *("" for _ in range(len(RECORDS["MW01"]) - 5)))

    def _line(self, block_id: str, summary_id: str, line: Line) -> _Record:
        payee = self._names.party(line.party_id)
        paid = line.kind == "payable"
        return (
            "LI01",
            block_id,
            summary_id,
            (to_text(payee.name) or to_text(payee.id)) if paid else _WORDS[line.kind],
            _party_id(payee) if paid else "",
            to_text(line.work_id),
            _percentage(line),
            _right(line.right),
            line.net.text(self._statement.currency),
            line.gross.text(self._statement.currency),
        )

    def _track(self, use_id: str) -> tuple[str, str]:
        """Return id and title of the generated track of a use."""
        use = self._uses.get(use_id)
        return (_UNMATCHED, "") if use is None else (use.track_sha256, to_text(use.track_name) or use.track_sha256)

    def _usages(self, track_id: str, territory: str) -> int:
        """Return the usages reported of a track, by its SHA-256 or a name, in a territory; 1 where there are none."""
        for track in (track_id, *sorted(self._track_names.get(track_id, ()))):
            if (track, territory) in self._reported:
                return self._reported[track, territory]
        return 1

    def _by_track(self, lines: list[Line]) -> dict[tuple[str, str], Amount]:
        """Return the gross amount of lines of one group by generated track."""
        found: dict[tuple[str, str], Amount] = {}
        for line in lines:
            for part in line.contributions:
                track = self._track(part.use_id)
                found[track] = found.get(track, ZERO) + part.gross
        return dict(sorted(found.items()))


def _encoded(records: Iterable[_Record]) -> bytes:
    lines = [f"# {NOTICE}: made by Sourceprint in the layout of {PROFILE}", *("\t".join(record) for record in records)]
    return ("\n".join(lines) + "\n").encode()


def _right(right: str) -> str:
    return right if right in WORK_RIGHTS else "UserDefined"


def _party_id(party: Party) -> str:
    for namespace, value in (("DPID", party.dpid), ("ISNI", party.isni), ("IPI", party.ipi)):
        if value:
            return f"{namespace}::{to_text(value)}"
    return f"Party::{to_text(party.id)}"


def _element(text: str) -> str:
    """Return text fit for a file name: letters, digits, dots and dashes."""
    return re.sub(r"[^A-Za-z0-9.-]+", "-", text).strip("-.") or "Unknown"


def _duration(milliseconds: int) -> str:
    """Return a length of time by ISO 8601, such as PT3M20S."""
    seconds, rest = divmod(milliseconds, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    text = f"{seconds}.{rest:03d}".rstrip("0") if rest else str(seconds)
    return "PT" + (f"{hours}H" if hours else "") + (f"{minutes}M" if minutes else "") + f"{text}S"


def _percentage(line: Line) -> str:
    """Return the share that a line stands for, in percent: a quarter is 25; where its uses differ, their mean."""
    base = sum_of(abs(part.amount).times(part.right_millionths, part.work_millionths) for part in line.contributions)
    if base:
        taken = sum_of(abs(part.gross) for part in line.contributions)
        percent = Fraction(100 * taken.grains, base.grains)
    else:
        percent = Fraction(line.contributions[0].share_millionths if line.contributions else 1_000_000, 10_000)
    with localcontext() as context:
        context.prec = 60
        rounded = (Decimal(percent.numerator) / percent.denominator).quantize(Decimal("0.0001"), ROUND_HALF_EVEN)
    text = f"{rounded:f}"
    return text.rstrip("0").rstrip(".") or "0"
