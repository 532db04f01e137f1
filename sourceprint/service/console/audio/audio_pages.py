"""All pages about audio as one router."""

from fastapi import APIRouter

from sourceprint.service.console.audio import additions, recordings, scans, submission

__all__ = ["router"]

router = APIRouter(include_in_schema=False)
for _module in (submission, scans, additions, recordings):  # forms first: their addresses fit those of a scan
    router.routes.extend(_module.router.routes)
