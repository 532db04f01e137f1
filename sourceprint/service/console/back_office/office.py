"""All pages of the back office as one router."""

from fastapi import APIRouter

from sourceprint.service.console.back_office import keys, licensees, log, one_statement, search, statements, usage

__all__ = ["router"]

router = APIRouter(include_in_schema=False)
for _module in (statements, one_statement, usage, licensees, keys, log, search):
    router.routes.extend(_module.router.routes)
