"""Read DSR-shaped files again, trusting nothing: names, order, cells, counts, ids, sums. DSR-shaped; not certified.

`validate_dsr` takes all files of one report and returns what is wrong with them, each with file, line (from 1, comments
counted; 0 is the file as a whole), cell and rule. It reads what is written, by the tables of `dsr_records`, and shares
nothing else with the code that writes.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from fingerprint.errors import ParameterError, printable
from sourceprint.royalties.money import ZERO, Amount, currency_exponent
from sourceprint.royalties.periods import Period
from sourceprint.royalties.statements.files.dsr_records import (
    NOTICE,
    RECORDS,
    Cell,
    complaint,
    exact_amount,
    split_values,
)

__all__ = ["DsrProblem", "validate_dsr"]

_NAME = re.compile(
    r"DSR_(?P<recipient>[^_ ]*)_(?P<sender>[^_ ]+)_(?P<service>[^_ ]+)_(?P<period>[^_ ]+)_(?P<territory>[^_ ]+)"
    r"_(?P<number>[1-9][0-9]*)of(?P<of>[1-9][0-9]*)_(?P<created>[0-9]{8}T[0-9]{6})\.tsv"
)
_BLOCK_ORDER = ("RE01", "AS01", "MW01", "RU02", "SU03", "LI01")
_ONCE_IN_A_BLOCK = ("RE01", "AS01")


@dataclass(frozen=True, slots=True)
class DsrProblem:
    """One breach of a rule.

    Attributes
    ----------
    file : str
        Name of the file, without its folder.
    line : int
        From 1; 0 for the file, or the report, as a whole.
    cell : str
        Name of the cell, or "".
    rule : str
        What is asked, and what is there.
    """

    file: str
    line: int
    cell: str
    rule: str

    def __str__(self) -> str:
        """Return the problem as one line of text."""
        place = f"{printable(self.file)}:{self.line}" if self.line else printable(self.file)
        return f"{place}: {self.cell}: {self.rule}" if self.cell else f"{place}: {self.rule}"


def validate_dsr(paths: Iterable[str | Path]) -> list[DsrProblem]:
    """Return all that is wrong with the files of one report, by file and line; empty is valid.

    Parameters
    ----------
    paths : iterable of path
        All files of the report, in any order.
    """
    report = _Report()
    files = [_File(Path(path), report) for path in sorted(paths, key=lambda path: Path(path).name)]
    if not files:
        return [DsrProblem("", 0, "", "a report has at least one file; none is given")]
    for file in files:
        file.read()
    report.check(files)
    return sorted(report.problems, key=lambda problem: (problem.file, problem.line, problem.cell, problem.rule))


@dataclass(slots=True)
class _Summary:
    """A summary record, and the sums that its details come to."""

    cells: dict[str, str]
    where: tuple[str, int]
    gross: Amount = ZERO
    net: Amount = ZERO


@dataclass(slots=True)
class _Report:
    """What is known over all files."""

    problems: list[DsrProblem] = field(default_factory=list)
    summaries: dict[str, _Summary] = field(default_factory=dict)
    block_ids: set[str] = field(default_factory=set)
    transactions: set[str] = field(default_factory=set)
    lines: int = 0
    blocks: int = 0

    def check(self, files: list["_File"]) -> None:
        heads = [file.head for file in files if file.head]
        last = files[-1]
        for file in files:
            for name in ("MessageId", "NumberOfFiles", "MessageCreatedDateTime", "SenderPartyId", "UsageStartDate"):
                if file.head and file.head.get(name) != heads[0].get(name):
                    file.complain(0, name, "must be the same in all files of the report")
            if file.head.get("FileNumber") == file.head.get("NumberOfFiles"):
                last = file
        numbers = sorted(head.get("FileNumber", "") for head in heads)
        wanted = sorted(str(number) for number in range(1, len(files) + 1))
        if heads and (numbers != wanted or heads[0].get("NumberOfFiles") != str(len(files))):
            files[0].complain(
                0,
                "FileNumber",
                f"the files given are {', '.join(numbers)} of {heads[0].get('NumberOfFiles')}; give all",
            )
        for name, found in (("NumberOfLinesInReport", self.lines), ("NumberOfBlocksInReport", self.blocks)):
            if last.foot.get(name) != str(found):
                last.complain(last.foot_line, name, f"states {last.foot.get(name, '')!r:.30}, the report has {found}")
        for summary in self.summaries.values():
            self._check_sums(summary, {file.path.name: file for file in files}[summary.where[0]])

    def _check_sums(self, summary: _Summary, file: "_File") -> None:
        for name, found in (("AllocatedRevenue", summary.gross), ("AllocatedNetRevenue", summary.net)):
            stated = exact_amount(summary.cells.get(name, ""))
            if stated is not None and stated != found:
                file.complain(summary.where[1], name, f"states {stated}, the LI01 records of it come to {found}")


class _File:
    """One file, read line by line."""

    def __init__(self, path: Path, report: _Report) -> None:
        self.path = path
        self.head: dict[str, str] = {}
        self.foot: dict[str, str] = {}
        self.foot_line = 0
        self._report = report
        self._own_summaries: set[str] = set()
        self._block = ""
        self._seen: list[str] = []
        self._works: set[str] = set()
        self._sold: dict[str, Amount] = {}
        self._claimed: dict[str, Amount] = {}
        self._n_blocks = 0
        self._n_lines = 0

    def complain(self, line: int, cell: str, rule: str) -> None:
        self._report.problems.append(DsrProblem(self.path.name, line, cell, rule))

    def read(self) -> None:
        try:
            text = self.path.read_bytes().decode()
        except OSError as error:
            self.complain(0, "", f"cannot be read ({error.strerror})")
            return
        except UnicodeDecodeError as error:
            self.complain(0, "", f"must be UTF-8; byte {error.start} is not")
            return
        lines = text.split("\n")
        if lines[-1] != "":
            self.complain(len(lines), "", "the last line must end with a line break")
        else:
            lines.pop()
        if not lines or not lines[0].startswith(f"# {NOTICE}"):
            self.complain(1, "", f"the first line must be a comment that says {NOTICE!r}")
        for number, line in enumerate(lines, start=1):
            if not line.startswith("#"):
                self._n_lines += 1
                self._record(number, line.removesuffix("\r"))
        self._end_block(len(lines))
        if not self.head:
            self.complain(0, "", "has no HEAD record")
        if not self.foot:
            self.complain(0, "", "has no FOOT record")
        if not self._own_summaries:
            self.complain(0, "", "has no summary record; at least one is needed, even where nothing is reported")
        self._check_name()
        self._check_foot()
        self._report.lines += self._n_lines
        self._report.blocks += self._n_blocks

    def _record(self, number: int, line: str) -> None:
        cells = line.split("\t")
        kind = cells[0]
        if kind not in RECORDS:
            self.complain(number, "RecordType", f"{printable(kind)!r:.30} is no record of this profile")
            return
        if len(cells) != len(RECORDS[kind]):
            self.complain(number, "", f"{kind} has {len(cells)} cells, must have {len(RECORDS[kind])}")
        record = {cell.name: value for cell, value in zip(RECORDS[kind], cells, strict=False)}
        for cell in RECORDS[kind]:
            self._check_cell(number, cell, record.get(cell.name, ""))
        if self.foot:
            self.complain(number, "", f"{kind} after FOOT: FOOT must be the last record")
        if kind != "HEAD" and not self.head:
            self.complain(number, "", f"{kind} before HEAD: HEAD must be the first record")
        if kind == "HEAD":
            self._take_head(number, record)
        elif kind == "SY07":
            self._take_summary(number, record)
        elif kind == "FOOT":
            self._end_block(number)
            self.foot, self.foot_line = record, number
        else:
            self._take_detail(number, kind, record)

    def _check_cell(self, number: int, cell: Cell, value: str) -> None:
        if not value:
            if cell.mandatory:
                self.complain(number, cell.name, "is mandatory and empty")
            return
        values = split_values(value)
        if len(values) > 1 and not cell.several:
            self.complain(number, cell.name, "takes one value; a | in text is written \\|")
        if any(one != one.strip() for one in values):
            self.complain(number, cell.name, "no spaces may stand round a delimiter")
        if re.search(r"(?<!\\)(\\\\)*\\(?![\\|])", value):
            self.complain(number, cell.name, "a \\ must be written \\\\")
        for one in values:
            if rule := complaint(cell.kind, one):
                self.complain(number, cell.name, f"{printable(one)!r:.60}: {rule}")

    def _take_head(self, number: int, record: dict[str, str]) -> None:
        if self.head:
            self.complain(number, "", "a second HEAD; there must be one")
        self.head = self.head or record
        for name, wanted in (("Profile", "RoyaltyReportingProfile"), ("ProfileVersion", "1.0.1")):
            if record.get(name) != wanted:
                self.complain(number, name, f"must be {wanted}")
        if not re.fullmatch(r"dsrf/[^/]+/[^/]+/[^/]+", record.get("MessageVersion", "")):
            self.complain(number, "MessageVersion", "must have the form dsrf/architecture/values/records")
        if record.get("UsageEndDate", "") < record.get("UsageStartDate", ""):
            self.complain(number, "UsageEndDate", "lies before UsageStartDate")

    def _take_summary(self, number: int, record: dict[str, str]) -> None:
        if self._block or self._n_blocks:
            self.complain(number, "", "SY07 after a block: summary records come before all blocks")
        summary_id = record.get("SummaryRecordId", "")
        if summary_id in self._own_summaries:
            self.complain(number, "SummaryRecordId", f"{printable(summary_id)!r:.60} is used twice; ids must be unique")
        self._own_summaries.add(summary_id)
        self._check_amounts(number, record, record.get("Currency", ""), ("AllocatedRevenue", "AllocatedNetRevenue"))
        known = self._report.summaries.setdefault(summary_id, _Summary(record, (self.path.name, number)))
        if known.cells != record and known.where[0] != self.path.name:
            self.complain(
                number, "SummaryRecordId", f"{printable(summary_id)!r:.60} differs from that in {known.where[0]}"
            )

    def _take_detail(self, number: int, kind: str, record: dict[str, str]) -> None:
        block_id = record.get("BlockId", "")
        if block_id != self._block:
            self._end_block(number)
            self._start_block(number, block_id)
        if self._seen and _BLOCK_ORDER.index(kind) < _BLOCK_ORDER.index(self._seen[-1]):
            self.complain(
                number, "RecordType", f"{kind} after {self._seen[-1]}; the order is {', '.join(_BLOCK_ORDER)}"
            )
        if kind in _ONCE_IN_A_BLOCK and kind in self._seen:
            self.complain(number, "RecordType", f"a second {kind} in block {block_id}; there may be one")
        self._seen.append(kind)
        if kind == "MW01":
            self._take_work(number, record)
        elif kind in ("RU02", "SU03", "LI01"):
            self._take_reference(number, kind, record)

    def _start_block(self, number: int, block_id: str) -> None:
        if block_id in self._report.block_ids:
            self.complain(number, "BlockId", f"{printable(block_id)!r:.60} is used twice; a block is in one piece")
        self._report.block_ids.add(block_id)
        self._block = block_id
        self._n_blocks += 1
        self._seen, self._works, self._sold, self._claimed = [], set(), {}, {}

    def _end_block(self, number: int) -> None:
        if not self._block:
            return
        if "LI01" not in self._seen:
            self.complain(number, "", f"block {printable(self._block)!r:.60} ends without a LI01 record")
        for summary_id in sorted(set(self._sold) | set(self._claimed)):
            sold, claimed = self._sold.get(summary_id, ZERO), self._claimed.get(summary_id, ZERO)
            if sold != claimed:
                place = f"block {printable(self._block)!r:.60}, summary record {printable(summary_id)!r:.60}"
                self.complain(number, "", f"{place}: SU03 comes to {sold}, LI01 to {claimed}")
        self._block = ""

    def _take_work(self, number: int, record: dict[str, str]) -> None:
        work_id = record.get("DspWorkId", "")
        if work_id in self._works:
            self.complain(number, "DspWorkId", f"{printable(work_id)!r:.60} stands twice in its block")
        self._works.add(work_id)

    def _take_reference(self, number: int, kind: str, record: dict[str, str]) -> None:
        summary_id = record.get("SummaryRecordId", "")
        summary = self._report.summaries.get(summary_id)
        if summary is None or summary_id not in self._own_summaries:
            self.complain(number, "SummaryRecordId", f"{printable(summary_id)!r:.60} is no summary record of this file")
            return
        currency = summary.cells.get("Currency", "")
        if kind == "SU03":
            transaction = record.get("SalesTransactionId", "")
            if transaction in self._report.transactions:
                self.complain(number, "SalesTransactionId", f"{printable(transaction)!r:.60} is used twice")
            self._report.transactions.add(transaction)
            self._check_amounts(number, record, currency, ("NetRevenue",))
            self._sold[summary_id] = self._sold.get(summary_id, ZERO) + (
                exact_amount(record.get("NetRevenue", "")) or ZERO
            )
        if kind == "LI01":
            self._check_amounts(number, record, currency, ("AllocatedNetRevenue", "AllocatedAmount"))
            gross = exact_amount(record.get("AllocatedAmount", "")) or ZERO
            summary.gross = summary.gross + gross
            summary.net = summary.net + (exact_amount(record.get("AllocatedNetRevenue", "")) or ZERO)
            self._claimed[summary_id] = self._claimed.get(summary_id, ZERO) + gross
            if record.get("RightsType") != summary.cells.get("RightsType"):
                self.complain(number, "RightsType", "must be that of its summary record")
            work_id = record.get("RightsControllerWorkId", "")
            if work_id and work_id not in self._works:
                self.complain(number, "RightsControllerWorkId", f"{printable(work_id)!r:.60} is no MW01 of its block")

    def _check_amounts(self, number: int, record: dict[str, str], currency: str, names: tuple[str, ...]) -> None:
        for name in names:
            value = record.get(name, "")
            if not value or complaint("currency", currency):
                continue
            decimals = currency_exponent(currency)
            if len(value.partition(".")[2]) < decimals or exact_amount(value) is None:
                rule = f"an amount in {currency} has at least {decimals} decimals, and at most 19 digits before them"
                self.complain(number, name, f"{printable(value)!r:.60}: {rule}")

    def _check_name(self) -> None:
        matched = _NAME.fullmatch(self.path.name)
        if matched is None:
            self.complain(
                0, "", "the name must be DSR_Recipient_Sender_Service_Period_Territory_xofy_yyyymmddThhmmss.tsv"
            )
            return
        head = self.head
        for name, cell in (("number", "FileNumber"), ("of", "NumberOfFiles"), ("service", "ServiceDescription")):
            if head and head.get(cell, "") != matched[name]:
                self.complain(
                    0, cell, f"is {head.get(cell, '')!r:.60}, the name of the file says {matched[name]!r:.60}"
                )
        created = re.sub(r"[-:]", "", head.get("MessageCreatedDateTime", ""))[:15]
        if head and created != matched["created"]:
            self.complain(0, "MessageCreatedDateTime", f"the name of the file says {matched['created']}")
        try:
            period = Period.parse(matched["period"])
        except ParameterError as error:
            self.complain(0, "", f"the name of the file: {error}")
            return
        days = (period.start.isoformat(), period.end.isoformat())
        if head and (head.get("UsageStartDate"), head.get("UsageEndDate")) != days:
            self.complain(0, "UsageStartDate", f"the name of the file says {days[0]} to {days[1]}")

    def _check_foot(self) -> None:
        for name, found in (
            ("NumberOfLinesInFile", self._n_lines),
            ("NumberOfSummaryRecords", len(self._own_summaries)),
            ("NumberOfBlocksInFile", self._n_blocks),
        ):
            if self.foot and self.foot.get(name) != str(found):
                self.complain(self.foot_line, name, f"states {self.foot.get(name, '')!r:.30}, the file has {found}")
