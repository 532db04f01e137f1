"""Scan results: one typed record per track, from and to JSON, and as text and HTML.

    result = read_result(json.loads(line))
    result.matches[0].passages[0].track_start_ms
    result.to_dict()

- `records`: the fields, and the JSON that they make
- `reading`: JSON of any version, checked; `version_1`: its older keys
- `result_text`: a result as text and as HTML
"""

from sourceprint.scans.results.reading import expect_consistent, read_result
from sourceprint.scans.results.records import (
    LAYERS,
    SCHEMA,
    SEARCHED,
    Probability,
    ResultAlternative,
    ResultIndex,
    ResultMatch,
    ResultPassage,
    ResultSearch,
    ResultTiming,
    ResultTrack,
    ScanResult,
    Status,
    plain_json,
)

__all__ = [
    "LAYERS",
    "SCHEMA",
    "SEARCHED",
    "Probability",
    "ResultAlternative",
    "ResultIndex",
    "ResultMatch",
    "ResultPassage",
    "ResultSearch",
    "ResultTiming",
    "ResultTrack",
    "ScanResult",
    "Status",
    "expect_consistent",
    "plain_json",
    "read_result",
]
