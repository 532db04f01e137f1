"""Messages for callers of the API, and for readers of the console, in words of theirs, not of the command line.

The libraries word their remedies for people at a terminal. Where a remedy can be had by the API, it is named as the API
has it, an operation or a parameter; for readers of the console it is named as a page, where one has it. Commands that
only the operator of the server can run, or that make a file before it is sent, stay.
"""

import re
from collections.abc import Iterable
from typing import Any

__all__ = ["in_api_words", "in_console_words", "report_in_api_words"]

_SAID = (  # at a terminal, to callers of the API, on pages of the console
    ("`sourceprint list`", "`GET /v1/catalogue/recordings`", "the page Recordings"),
    ("`sourceprint rights show`", "`GET /v1/rights/KEY`", "the search of the console"),
    ("`sourceprint rights import`", "`POST /v1/rights/imports`", "an import of rights by the API"),
    (
        "`sourceprint rights new-licence` writes a licence to fill in",
        "docs/formats/licence.md has a whole licence",
        "the page New licence has one to fill in",
    ),
    ("`sourceprint statements`", "`GET /v1/statements`", "the page Statements"),
    (
        "`sourceprint attribute` the results",
        "attribute the results with `POST /v1/attributions`",
        "have the results attributed by the API",
    ),
    (
        "`sourceprint usage enter --restate REASON`",
        "`POST /v1/usage` and restate=REASON",
        "the page Usage and a reason why it is reported anew",
    ),
    (
        "`sourceprint statement --adjust`",
        "an adjustment, which the operator enters",
        "an adjustment, which the operator enters",
    ),
    ("give --restate and the reason", "give restate=REASON", "give a reason why it is reported anew"),
    ("give --yes to enter them", "give `accept_losses` to enter them", "the API enters them with `accept_losses`"),
    ("give --provisional", "give `provisional`", "ask for a provisional one"),
    ("--generated DATE", "`generated`", "the date `generated`"),
    ("--shares percent or --shares fraction", "shares=percent or shares=fraction", "the API with `shares`"),
    ("--correct REASON", "correct=REASON", "a reason why the text was wrong from the start"),
    (
        "; '--columns \"HEADING=index_id\"' takes it",
        "; name the column index_id to use it",
        "; name the column index_id to use it",
    ),
    (
        '; --columns "HEADING=index_id" takes it',
        "; name the column index_id to use it",
        "; name the column index_id to use it",
    ),
    (", or name it (--sheet)", "", ""),
    ("what sourceprint results --format jsonl prints", "each scan once", "each scan once"),
)


def _any(said: Iterable[str]) -> re.Pattern[str]:
    return re.compile("|".join(re.escape(one) for one in sorted(said, key=len, reverse=True)))


_BY_API = {said: instead for said, instead, _ in _SAID}
_ON_PAGES = {said: instead for *both, instead in _SAID for said in both if said}
_OF_COMMANDS, _OF_BOTH = _any(_BY_API), _any(_ON_PAGES)


def in_api_words(text: str) -> str:
    """Return a message with operations and parameters of the API in place of commands and options.

    Examples
    --------
    >>> in_api_words("recording 'A' is not in the index; `sourceprint list` shows its ids")
    "recording 'A' is not in the index; `GET /v1/catalogue/recordings` shows its ids"
    """
    return _OF_COMMANDS.sub(lambda found: _BY_API[found[0]], text)


def in_console_words(text: str) -> str:
    """Return a message with pages of the console in place of commands and options, and of operations of the API.

    Examples
    --------
    >>> in_console_words("recording 'A' is not in the index; `sourceprint list` shows its ids")
    "recording 'A' is not in the index; the page Recordings shows its ids"
    """
    return _OF_BOTH.sub(lambda found: _ON_PAGES[found[0]], text)


def report_in_api_words(value: Any) -> Any:
    """Return a JSON value, all texts in it as `in_api_words` has them."""
    if isinstance(value, str):
        return in_api_words(value)
    if isinstance(value, list):
        return [report_in_api_words(one) for one in value]
    return {name: report_in_api_words(one) for name, one in value.items()} if isinstance(value, dict) else value
