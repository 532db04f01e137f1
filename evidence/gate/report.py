"""The report of one check: every verdict, under which policy, and the exit code that follows.

The exit codes: 0 nothing at or above `fail_on`; 1 findings; 3 nothing could be read; 4 some files could not be checked,
which outranks findings, as what was not checked may hold worse.
"""

from dataclasses import dataclass
from datetime import date

from evidence.gate.deciding import Decision, Verdict
from evidence.gate.policy import ACTIONS, BLOCK, ERROR, Policy

__all__ = ["FAIL_ON", "UNREADABLE", "Report"]

FAIL_ON = ("review", "block")
"""From which decision on a check ends with findings."""

UNREADABLE = ("refused", "decode_error")
"""States of what could not even be read."""


@dataclass(frozen=True, slots=True)
class Report:
    """One check, done.

    Attributes
    ----------
    policy : Policy
    policy_file : str
        As given; "" for the default.
    day : date
        For which licences were asked.
    fail_on : str
        Of `FAIL_ON`.
    verdicts : tuple of Verdict
        First what names no file, then the files in order.
    unknown_ids : tuple of str
        Recordings that the policy names by id and that the index has not.
    """

    policy: Policy
    policy_file: str
    day: date
    fail_on: str
    verdicts: tuple[Verdict, ...]
    unknown_ids: tuple[str, ...] = ()

    def count(self, action: str) -> int:
        """Return how many files have this verdict."""
        return sum(verdict.action == action for verdict in self.verdicts)

    @property
    def counts(self) -> dict[str, int]:
        """Files by verdict."""
        return {action: self.count(action) for action in (*ACTIONS, ERROR)}

    def fails(self, decision: Decision | Verdict) -> bool:
        """Return whether a decision is at or above `fail_on`."""
        return decision.action == BLOCK or decision.action == self.fail_on

    @property
    def exit_code(self) -> int:
        """Of the command."""
        if all(verdict.action == ERROR and verdict.status in UNREADABLE for verdict in self.verdicts):
            return 3
        if self.count(ERROR):
            return 4
        return 1 if any(self.fails(verdict) for verdict in self.verdicts) else 0

    @property
    def index_digest(self) -> str:
        """State of the index that was searched; "" where nothing was."""
        return next((verdict.result.index_digest for verdict in self.verdicts if verdict.result is not None), "")
