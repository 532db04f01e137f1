"""Hooks of schemathesis: texts of the formats that the API names, and bodies that are documents."""

from __future__ import annotations

from datetime import date
from typing import Any

import schemathesis
from hypothesis import strategies as st
from schemathesis.generation import GenerationMode

_DAYS = st.dates(date(1970, 1, 1), date(2100, 12, 31))
_TAGS = st.text("abcxyzÄé019-_", min_size=1, max_size=64)

schemathesis.openapi.format("date", _DAYS.map(date.isoformat))
schemathesis.openapi.format(
    "reporting-period",
    st.one_of(
        _DAYS.map(lambda day: f"{day:%Y-%m}"),
        st.tuples(_DAYS, _DAYS).map(lambda days: f"{min(days)}--{max(days)}"),
        st.builds("{}-Q{}".format, st.integers(1970, 2100), st.integers(1, 4)),
    ),
)
schemathesis.openapi.format("recording-tag", _TAGS)
schemathesis.openapi.format("recording-filter", st.one_of(_TAGS.map("tag:{}".format), _TAGS.map("id:{}".format)))

_DOCUMENTS = {
    "/v1/rights/imports": b"index_id,recording_title,party,role,right,share\nA,Title A,Harbour,,Master,100 %\n",
    "/v1/usage": b"track,territory,usages,net_revenue,currency\nreuse.wav,DE,1000,100.00,EUR\n",
}


@schemathesis.hook
def before_call(_context: Any, case: Any, _options: Any) -> None:
    """Give documents that can be read, and periods that end after they start: no schema can say that."""
    if case.meta is None or case.meta.generation.mode is not GenerationMode.POSITIVE:
        return
    if case.operation.path in _DOCUMENTS:
        case.body = _DOCUMENTS[case.operation.path]
        if case.query and "name" in case.query:
            case.query["name"] = "rights.csv"
    for holder in (case.query, case.body):
        if isinstance(holder, dict) and "--" in str(holder.get("period", "")):
            holder["period"] = "2026-07-01--2026-07-14"
