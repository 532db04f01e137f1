"""All pages of the back office as one router."""

from fastapi import APIRouter

from sourceprint.service.console.back_office import (
    grants,
    keys,
    licences,
    licensees,
    log,
    one_statement,
    records,
    search,
    sign_ins,
    statements,
    usage,
)

__all__ = ["router"]

router = APIRouter(include_in_schema=False)
for _module in (statements, one_statement, usage, licensees, licences, keys, grants, log, sign_ins, search, records):
    router.routes.extend(_module.router.routes)
