r"""A statement as DSR-shaped files: DDEX Digital Sales Report, Royalty Reporting Profile. DSR-shaped; not certified.

======  ================================================================================================================
SY07    one per territory and right. AllocatedRevenue is the sum of the gross amounts of its lines, AllocatedNetRevenue
        that of the net ones; Usages is the reported number for the territory. The list of rights has no right in the
        recording: `Master` is written as UserDefined, and ServiceDescription says so
block   one per recording, or per work where no recording is known; the unmatched revenue of all has one of its own
RE01    the generated track, where the block is about a single one
AS01    the recording, before its works; AS02.01 where no work is known, and for the unmatched revenue. Artist and
        duration as on file, else "Unknown" and PT0S
MW01    a work, as MW01.01
RU02    one AI-generated output that contains the resource: a generated track, with its usages in the territory (1 where
        none are reported). ReleaseURL is its SHA-256 as a URI (RFC 6920)
SU03    the amount that one generated track adds to the block for a summary record, as SU03.01; NetRevenue is the sum of
        the gross amounts of the records that follow it
LI01    the amount that one generated track adds to one line of the statement, as LI01.01: AllocatedAmount before
        deductions, AllocatedNetRevenue after them. RightsController is the payee, or a word: `unclaimed`, `conflict`
        (shares over 100 %), `held`, `unmatched`
======  ================================================================================================================

Amounts are exact, with as many decimals as they have, so that all sums prove. A summary record alone, with nothing in
it, is the form that says there is nothing to report. The header names the sender by its DPID: a licensee without one
gets no report. Other parties are `DPID::`, `ISNI::` or `IPI::`, else `Party::` and the own id. The report is dated at
the start of the day of issue in UTC, so that the same statement gives the same bytes. A long report is split between
blocks into x-of-y files; each has the header and all summary records.

A file is UTF-8 text of one record per line, cells split by TAB; `\` before `|` or `\` makes them text; lines that start
with `#` are comments. Source of the layout: the XSD of the profile, version 1.0.1, and DDEX's open parser
(ddexnet/dsrf), which accepts these files: its verdict is in `tests/data/dsr`.
"""

import base64
import re
from collections.abc import Iterable
from fractions import Fraction

from fingerprint.errors import ParameterError, printable
from sourceprint.royalties.decimals import decimal_text
from sourceprint.royalties.money import ZERO, Amount, sum_of
from sourceprint.royalties.rights.records import MASTER, WORK_RIGHTS, Party
from sourceprint.royalties.statements.amounts.lines import Line
from sourceprint.royalties.statements.files.line_tables import StatementNames
from sourceprint.royalties.statements.statement import Statement
from sourceprint.royalties.territories import WORLDWIDE

__all__ = ["MAX_LINES", "dsr_files", "dsr_readme"]

MAX_LINES = 500_000

_NOTICE = "DSR-shaped; not certified"
_PROFILE = "RoyaltyReportingProfile"
_SERVICE = "GeneratedMusic"
_README = f"""{_NOTICE}.

These files have the layout of a DDEX Digital Sales Report, Royalty Reporting Profile 1.0.1. DDEX's open parser accepts
such files; they have not been certified by DDEX, and implementing DDEX standards needs a licence from DDEX, which is
free of charge.

What was agreed nowhere else: the right in a recording (Master) is written as the right UserDefined; RightsController
may be one of the words unclaimed, conflict, held, unmatched; DspReleaseId may be the word unmatched; AllocatedAmount is
the gross amount, AllocatedNetRevenue what is left after deductions, both exact; party ids that have no DPID, ISNI or
IPI are written as Party:: and an id of the sender. Adjustments to earlier periods, balances and payments are no part of
these files: they stand in the statement itself (statement.json, statement.html).
"""
_NO_DPID = """
There is no report in this folder: its header names the sender by a DPID, and {id} has none on file. Import it with
DPID (parties.tsv), and write the statement again.
"""
_CONTROLS = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]+")

_VERSION = ("dsrf/1.4/unstated/1.0.1", _PROFILE, "1.0.1")
_WORDS = {"unclaimed": "unclaimed", "overclaim": "conflict", "held": "held", "unmatched": "unmatched"}
_UNMATCHED = "unmatched"
_Record = tuple[str, ...]
_Group = tuple[str, str]  # territory, right
_Sale = tuple[_Group, str, str, list[tuple[Line, Amount]]]  # id and title of the track; its amount in each line


def dsr_readme(statement: Statement) -> str:
    """Return the README of a report's folder; for a sender without a DPID, it says why there are no files."""
    sender = statement.licensee
    return _README if sender.dpid else _README + _NO_DPID.format(id=printable(sender.id))


def dsr_files(statement: Statement, *, max_lines: int = MAX_LINES) -> list[tuple[str, bytes]]:
    """Return the report of a statement as files: names and contents, in order; none where the sender has no DPID.

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
    if not statement.licensee.dpid:
        return []
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
            sender.dpid,
            _SERVICE,
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
            statement.licensee.dpid,
            to_text(statement.licensee.name) or "Unknown",
            _SERVICE,
            "",
            "",
            "",
        )

    def summaries(self) -> list[_Record]:
        sums: dict[_Group, tuple[Amount, Amount]] = dict.fromkeys(self._summary_ids, (ZERO, ZERO))
        for line in self._statement.lines:
            gross, net = sums[line.territory, line.right]
            sums[line.territory, line.right] = gross + line.gross, net + line.net
        made = [self._summary(summary_id, *group, *sums[group]) for group, summary_id in self._summary_ids.items()]
        return made or [self._summary("SY1", WORLDWIDE, "UserDefined", ZERO, ZERO)]

    def blocks(self) -> Iterable[list[_Record]]:
        blocks: dict[tuple[str, str], list[Line]] = {}
        for line in self._statement.lines:
            blocks.setdefault((line.recording_id, "" if line.recording_id else line.work_id), []).append(line)
        for number, key in enumerate(sorted(blocks), start=1):
            yield self._block(str(number), key[0], blocks[key])

    def _summary(self, summary_id: str, territory: str, right: str, gross: Amount, net: Amount) -> _Record:
        of_tracks = [n for (track, where), n in self._reported.items() if track and where == territory]
        usages = sum(of_tracks) if of_tracks else self._reported.get(("", territory), 0)
        service = "Right in the recording (Master)" if right == MASTER else _SERVICE
        currency = self._statement.currency
        revenue = ("", "", "", "", gross.text(currency), net.text(currency))
        place = ("", "", "", "", territory, _right(right), service, str(usages), "", currency)
        return ("SY07", summary_id, *place, *revenue)

    def _block(self, block_id: str, recording_id: str, lines: list[Line]) -> list[_Record]:
        tracks = sorted({self._track(part.use_id) for line in lines for part in line.contributions})
        works = sorted({line.work_id for line in lines if line.work_id})
        records: list[_Record] = []
        if len(tracks) == 1 and tracks[0][0] != _UNMATCHED:
            records.append(self._release(block_id, *tracks[0]))
        records.append(self._resource(block_id, recording_id, works))
        records += [self._work(block_id, work_id) for work_id in works]
        sales = self._sales(lines)
        for group, track_id, title, _ in sales:
            if track_id != _UNMATCHED:
                usages = str(self._usages(track_id, group[0]))
                records.append(("RU02", block_id, self._summary_ids[group], track_id, title, _uri(track_id), usages))
        days = (self._statement.period.start.isoformat(), self._statement.period.end.isoformat())
        for number, (group, track_id, _, parts) in enumerate(sales, start=1):
            summary_id = self._summary_ids[group]
            usages = "0" if track_id == _UNMATCHED else str(self._usages(track_id, group[0]))
            gross = sum_of(amount for _, amount in parts).text(self._statement.currency)
            records.append(("SU03.01", block_id, f"{block_id}-{number}", summary_id, track_id, usages, gross, *days))
            records += [self._line(block_id, summary_id, line, amount) for line, amount in parts]
        return records

    def _sales(self, lines: list[Line]) -> list[_Sale]:
        """Return the amounts that each track adds to the lines of a block, by territory and right."""
        found: dict[tuple[_Group, tuple[str, str]], dict[int, Amount]] = {}
        by_number = {line.number: line for line in lines}
        for line in lines:
            for part in line.contributions:
                parts = found.setdefault(((line.territory, line.right), self._track(part.use_id)), {})
                parts[line.number] = parts.get(line.number, ZERO) + part.gross
        return [
            (group, *track, [(by_number[number], amount) for number, amount in parts.items()])
            for (group, track), parts in sorted(found.items())
        ]

    def _release(self, block_id: str, track_id: str, title: str) -> _Record:
        licensee = self._statement.licensee
        artist = (to_text(licensee.name) or "Unknown", _party_id(licensee))
        return ("RE01", block_id, "R1", track_id, "", "", "", *artist, title, "", "", "", "", "")

    def _resource(self, block_id: str, recording_id: str, works: list[str]) -> _Record:
        """Return the recording of a block; AS02.01, which has cells for the work, where no work follows."""
        credit = self._credits.get(recording_id)
        name = recording_id or (works[0] if works else _UNMATCHED)
        title = self._names.title("recording", recording_id) or self._names.title("work", name) or name
        artists = to_text(", ".join(credit.artists) if credit else "") or "Unknown"
        length = _duration(credit.duration_ms if credit and credit.duration_ms else 0)
        code = self._names.code("recording", recording_id)
        cells = (block_id, "A1", to_text(name), code, to_text(title), "", artists, "", length, "SoundRecording")
        return ("AS01", *cells) if works else ("AS02.01", *cells, *[""] * 10)

    def _work(self, block_id: str, work_id: str) -> _Record:
        title = to_text(self._names.title("work", work_id)) or to_text(work_id)
        return ("MW01.01", block_id, to_text(work_id), self._names.code("work", work_id), title, *[""] * 11)

    def _line(self, block_id: str, summary_id: str, line: Line, gross: Amount) -> _Record:
        payee = self._names.party(line.party_id)
        paid = line.kind == "payable"
        currency = self._statement.currency
        return (
            "LI01.01",
            block_id,
            summary_id,
            (to_text(payee.name) or to_text(payee.id)) if paid else _WORDS[line.kind],
            _party_id(payee) if paid else "",
            to_text(line.work_id),
            _percentage(line),
            _right(line.right),
            _net_of(line, gross).text(currency),
            gross.text(currency),
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


def _encoded(records: Iterable[_Record]) -> bytes:
    notice = f"# {_NOTICE}: made by Sourceprint in the layout of {_PROFILE}"
    lines = [notice, *("\t".join(record) for record in records)]
    return ("\n".join(lines) + "\n").encode()


def _right(right: str) -> str:
    return right if right in WORK_RIGHTS else "UserDefined"


def _party_id(party: Party) -> str:
    for namespace, value in (("DPID", party.dpid), ("ISNI", party.isni), ("IPI", party.ipi)):
        if value:
            return f"{namespace}::{to_text(value)}"
    return f"Party::{to_text(party.id)}"


def _uri(sha256: str) -> str:
    """Return the digest of a file as a URI (RFC 6920)."""
    return "ni:///sha-256;" + base64.urlsafe_b64encode(bytes.fromhex(sha256)).decode().rstrip("=")


def _net_of(line: Line, gross: Amount) -> Amount:
    """Return the net of a part of a line's gross amount: the same part of the line's net amount."""
    if not line.gross:
        return gross
    return Amount(gross.grains * line.net.grains // line.gross.grains)


def _duration(milliseconds: int) -> str:
    """Return a length of time by ISO 8601, such as PT3M20S."""
    minutes, rest = divmod(milliseconds, 60_000)
    hours, minutes = divmod(minutes, 60)
    text = decimal_text(rest, 3)
    return "PT" + (f"{hours}H" if hours else "") + (f"{minutes}M" if minutes else "") + f"{text}S"


def _percentage(line: Line) -> str:
    """Return the share of a line, in percent: a quarter is 25; where its uses differ, their mean."""
    base = sum_of(abs(part.amount).times(part.right_millionths, part.work_millionths) for part in line.contributions)
    if base:
        taken = sum_of(abs(part.gross) for part in line.contributions)
        percent = Fraction(100 * taken.grains, base.grains)
    else:
        percent = Fraction(line.contributions[0].share_millionths if line.contributions else 1_000_000, 10_000)
    return decimal_text(round(percent * 10**4), 4)


def to_text(text: str) -> str:
    r"""Return text fit for a cell: tabs, line breaks and other controls become one space, `\\` and `|` are escaped.

    Examples
    --------
    >>> print(to_text(" A\tB | C\\D "))
    A B \| C\\D
    """
    return _CONTROLS.sub(" ", text).strip().replace("\\", "\\\\").replace("|", "\\|")
