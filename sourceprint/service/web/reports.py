"""Usage reports entered from a body, for the API and for the console alike."""

from typing import Any

from anyio import to_thread
from fastapi import Request

from sourceprint.royalties.periods import Period
from sourceprint.royalties.statements.restatements import restate_usage
from sourceprint.royalties.uses.usage import read_usage
from sourceprint.service.web.caller import Caller
from sourceprint.service.web.documents import document

__all__ = ["enter_report"]


async def enter_report(
    request: Request, caller: Caller, name: str, *, licensee: str, period: str, reason: str
) -> dict[str, Any]:
    """Enter the usage report in the body of a request; nothing of it is kept if a row is wrong.

    Parameters
    ----------
    request : Request
    caller : Caller
    name : str
        Of the file; its ending gives the format.
    licensee, period : str
    reason : str
        Why a stated period is reported anew; "" where it is not.

    Raises
    ------
    Refused
        As `document`.
    RightsError
        As `read_usage` and `restate_usage`.
    """
    days = Period.parse(period)
    async with document(request, caller, name) as path:

        def enter() -> dict[str, Any]:
            report, last_day = restate_usage(
                caller.rights, licensee=licensee, period=days, usage=read_usage(path), reason=reason, by=caller.actor
            )
            closes = None if last_day is None else last_day.isoformat()
            return {"version": report.version or None, "rows": len(report.usage.rows), "statement_closes": closes}

        return await to_thread.run_sync(enter)
