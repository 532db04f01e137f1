"""The question that bare shares ask, with what is needed to answer it: how many, examples, and the sums either way."""

from fingerprint.errors import AmbiguousSharesError, printable
from royalties.tables.staging import Staging

__all__ = ["require_clear_shares"]

_EXAMPLES = 3
_WHOLE_PERCENT = 100_000_000
_WHOLE_FRACTION = 1_000_000


def require_clear_shares(staging: Staging) -> None:
    """Refuse an import in which shares are bare numbers and nobody has said what they are.

    Raises
    ------
    AmbiguousSharesError
        With the number of rows, examples, and what the shares of one right in one work would sum to in either reading.
    """
    count = staging.query("SELECT count(*) FROM bare_share")[0][0]
    if not count:
        return
    examples = "; ".join(
        f"{printable(text)} in {staging.file_name(file)}, row {line}"
        for text, file, line in staging.query(
            f"SELECT text, file, line FROM bare_share ORDER BY file, line LIMIT {_EXAMPLES}"
        )
    )
    sums = "SELECT subject, right, sum(micro) AS micro FROM bare_share GROUP BY subject, right"
    groups, percent, fraction = staging.query(
        f"SELECT count(*), sum(micro = {_WHOLE_PERCENT}), sum(micro = {_WHOLE_FRACTION}) FROM ({sums})"
    )[0]
    shown = staging.query(f"{sums} ORDER BY subject, right LIMIT {_EXAMPLES}")
    as_percent = "; ".join(
        f"{_label(subject, right)} {_hundredths(micro // 10_000)}" for subject, right, micro in shown
    )
    as_fraction = "; ".join(f"{_label(subject, right)} {_hundredths(micro // 100)}" for subject, right, micro in shown)
    raise AmbiguousSharesError(
        f"{count} shares are bare numbers ({examples}): are they percentages, or fractions of 1?\n"
        f"  as percentages, {percent} of {groups} sums by work or recording and right are 100 %: {as_percent}\n"
        f"  as fractions, {fraction} of {groups} sums are 100 %: {as_fraction}\n"
        "  say --shares percent or --shares fraction, or write the sign % behind each share"
    )


def _label(subject: str, right: str) -> str:
    return f"{printable(subject)[:40]} {right}"


def _hundredths(number: int) -> str:
    """Return hundredths of a percent as a percentage; what is finer is cut off, for this is only shown."""
    return f"{number // 100}.{number % 100:02d}".rstrip("0").rstrip(".") + " %"
