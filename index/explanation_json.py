"""An explanation as JSON: why recordings were found in a query or not. Times are whole milliseconds.

==================  ====================================================================================================
`query_landmarks`   landmarks of the query
`max_false_per_1000h`  the limit of the search
`tempo_range`       lowest and highest tempo that was tried, in percent
`thorough`          of a thorough search: `asked` (it was the search), `tried` (for the explanation), `unavailable` (the
                    fingerprint file lacks its time scales), `needless`
`references`        `asset_id`, `title`; `named`: whether it was asked for; `reported`; `landmarks` that it has; four
                    alignments, each null where there is none: `catalogue` (in the whole catalogue), `alone` (of this
                    recording searched alone), `excluded` (alone, without its excluded ranges), `thorough` (of a
                    thorough search); `causes` of no match, the words of `index.explanation.Cause`; `reported_there`:
                    ids reported over the same part; `would_change`
`would_change`      `longer_by_ms`: how much longer the passage would have to be, as clear as it is, an estimate;
                    `max_false_per_1000h`: the limit that would report it; both null where they do not apply.
                    `thorough`: whether --thorough reports it, with --only if its alignment is `alone`. `only_this`:
                    whether --only with this recording does. `filter`: whether it is reported if the filter lets it in
an alignment        `alone`: found in a search of this recording alone; both spans; pitch, speed and tempo as in
                    `segments`; `query_landmarks` in the span, `aligned_landmarks`, `expected_by_chance`; `score` and
                    `score_threshold`, `base_threshold` before `rivals`, `rivals_elsewhere` and `hub_factor` raised it;
                    `p_false`, `false_per_1000h`, `confidence` as weighed in the whole catalogue; `reported`: whether it
                    passes
==================  ====================================================================================================
"""

from typing import Any

from index.explanation import Account, Attempt, Explanation
from index.rounding import four_digits, milliseconds

__all__ = ["explanation_to_json"]


def explanation_to_json(explanation: Explanation) -> dict[str, Any]:
    """Return an explanation as plain JSON types."""
    return {
        "query_landmarks": explanation.n_landmarks,
        "max_false_per_1000h": explanation.max_false_per_1000h,
        "tempo_range": [round(100 * ratio, 2) for ratio in explanation.tempo_range],
        "thorough": explanation.thorough,
        "references": [_reference(account) for account in explanation.accounts],
    }


def _reference(account: Account) -> dict[str, Any]:
    recording, seconds = account.recording, account.longer_by_seconds
    return {
        "asset_id": account.recording_id,
        "title": None if recording is None else recording.title or None,
        "named": account.named,
        "reported": account.reported,
        "landmarks": account.n_landmarks,
        "catalogue": _alignment(account.catalogue),
        "alone": _alignment(account.alone),
        "excluded": _alignment(account.excluded),
        "thorough": _alignment(account.thorough),
        "causes": list(account.causes),
        "reported_there": list(account.reported_there),
        "would_change": {
            "longer_by_ms": None if seconds is None else milliseconds(seconds),
            "max_false_per_1000h": account.max_false_per_1000h,
            "thorough": account.thorough is not None and account.thorough.reported,
            "only_this": account.only_reports,
            "filter": account.let_in_reports,
        },
    }


def _alignment(attempt: Attempt | None) -> dict[str, Any] | None:
    if attempt is None:
        return None
    change = attempt.transformation
    return {
        "alone": attempt.alone,
        "query_start_ms": milliseconds(attempt.query_start_seconds),
        "query_end_ms": milliseconds(attempt.query_end_seconds),
        "asset_start_ms": milliseconds(attempt.reference_start_seconds),
        "asset_end_ms": milliseconds(attempt.reference_end_seconds),
        "pitch_cents": round(change.pitch_cents, 1) + 0.0,
        "speed_percent": round(change.speed_percent, 2),
        "tempo_percent": round(change.tempo_percent, 2),
        "query_landmarks": attempt.query_landmarks,
        "aligned_landmarks": attempt.aligned_landmarks,
        "expected_by_chance": round(attempt.expected_by_chance, 3),
        "score": round(attempt.score, 3),
        "score_threshold": round(attempt.threshold, 3),
        "base_threshold": round(attempt.base_threshold, 3),
        "rivals": [{"asset_id": rival.recording_id, "score": round(rival.score, 3)} for rival in attempt.rivals],
        "rivals_elsewhere": attempt.n_elsewhere,
        "hub_factor": attempt.hub_factor,
        "p_false": four_digits(attempt.p_false),
        "false_per_1000h": four_digits(attempt.false_per_1000h),
        "confidence": round(attempt.confidence, 9),
        "reported": attempt.reported,
    }
