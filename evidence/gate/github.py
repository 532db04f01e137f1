"""The report as workflow commands of GitHub Actions: an annotation for each finding and each file not checked.

    ::error file=out/mix.wav,title=Sourceprint%3A block::12.3 s of "Title" (blue-1), ...

What fails the check is an error, what is for review without failing a warning; what passes says nothing. Percent signs
and line ends are escaped, in properties colons and commas too: no title and no file name can give a command of its own.
"""

from evidence.gate.deciding import Verdict
from evidence.gate.lines import decision_text
from evidence.gate.policy import ERROR, PASS
from evidence.gate.report import Report
from fingerprint.errors import printable

__all__ = ["github_report"]


def github_report(report: Report) -> bytes:
    """Return the report as lines of workflow commands, UTF-8; empty where there is nothing to say."""
    lines = [line for verdict in report.verdicts for line in _lines(verdict, report)]
    return "".join(f"{line}\n" for line in lines).encode()


def _lines(verdict: Verdict, report: Report) -> list[str]:
    if verdict.action == ERROR:
        return [_command("error", verdict.name, "not checked", printable(verdict.reason))]
    return [
        _command(
            "error" if report.fails(decision) else "warning", verdict.name, decision.action, decision_text(decision)
        )
        for decision in verdict.decisions
        if decision.action != PASS
    ]


def _command(level: str, name: str, title: str, message: str) -> str:
    return f"::{level} file={_property(printable(name))},title={_property(f'Sourceprint: {title}')}::{_data(message)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
