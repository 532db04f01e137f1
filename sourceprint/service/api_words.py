"""Messages for callers of the API: commands and options of the command line become operations and parameters.

The libraries word their remedies for people at a terminal. Where a remedy can be had by the API, it is named as the API
has it; commands that only the operator of the server can run, or that make a file before it is sent, stay.
"""

import re
from typing import Any

__all__ = ["in_api_words", "report_in_api_words"]

_SAID = (
    ("`sourceprint list`", "`GET /v1/catalogue/recordings`"),
    ("`sourceprint rights show`", "`GET /v1/rights/KEY`"),
    ("`sourceprint rights import`", "`POST /v1/rights/imports`"),
    ("`sourceprint rights new-licence` writes a licence to fill in", "docs/formats/licence.md has a whole licence"),
    ("`sourceprint statements`", "`GET /v1/statements`"),
    ("`sourceprint attribute` the results", "attribute the results with `POST /v1/attributions`"),
    ("`sourceprint usage enter --restate REASON`", "`POST /v1/usage` and restate=REASON"),
    ("`sourceprint statement --adjust`", "an adjustment, which the operator enters"),
    ("give --restate and the reason", "give restate=REASON"),
    ("give --yes to enter them", "give `accept_losses` to enter them"),
    ("give --provisional", "give `provisional`"),
    ("--generated DATE", "`generated`"),
    ("--shares percent or --shares fraction", "shares=percent or shares=fraction"),
    ("--correct REASON", "correct=REASON"),
    ("; '--columns \"HEADING=index_id\"' takes it", "; name the column index_id to use it"),
    ('; --columns "HEADING=index_id" takes it', "; name the column index_id to use it"),
    (", or name it (--sheet)", ""),
    ("what sourceprint results --format jsonl prints", "each scan once"),
)
_ANY = re.compile("|".join(re.escape(said) for said, _ in sorted(_SAID, key=lambda pair: -len(pair[0]))))
_INSTEAD = dict(_SAID)


def in_api_words(text: str) -> str:
    """Return a message with operations and parameters of the API in place of commands and options.

    Examples
    --------
    >>> in_api_words("recording 'A' is not in the index; `sourceprint list` shows its ids")
    "recording 'A' is not in the index; `GET /v1/catalogue/recordings` shows its ids"
    """
    return _ANY.sub(lambda found: _INSTEAD[found[0]], text)


def report_in_api_words(value: Any) -> Any:
    """Return a JSON value, all texts in it as `in_api_words` has them."""
    if isinstance(value, str):
        return in_api_words(value)
    if isinstance(value, list):
        return [report_in_api_words(one) for one in value]
    return {name: report_in_api_words(one) for name, one in value.items()} if isinstance(value, dict) else value
