"""Bodies that are documents: tables, licences, usage reports; kept in a file of their name until they are read."""

import re
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any

from anyio import to_thread
from fastapi import Query, Request

from sourceprint.service.web.caller import Caller
from sourceprint.service.web.problems import Refused
from sourceprint.service.web.uploads import receive

__all__ = ["DOCUMENT_BODY", "FileName", "document"]

DOCUMENT_BODY: dict[str, Any] = {
    "requestBody": {
        "description": "The file, as the command line reads it",
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary", "minLength": 1}}},
    }
}
"""Documentation of a body that is a document."""

FileName = Annotated[
    str,
    Query(
        min_length=1, max_length=100, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$",
        description="Name of the file; its ending gives the format",
    ),
]  # fmt: skip

_MOST_MB = 200
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


@asynccontextmanager
async def document(request: Request, caller: Caller, name: str) -> AsyncIterator[Path]:
    """Yield the path of a body that is a document; it is gone after the block.

    Raises
    ------
    Refused
        As `receive`; 422 if the name is none.
    """
    if not _NAME.fullmatch(name):
        raise Refused(422, "invalid name", f"name {name!r:.100}: letters, digits and . _ - only, the first no sign")
    limit_mb = min(_MOST_MB, caller.server.settings.upload_mb)
    upload = await receive(request, caller.server.folder.uploads, limit_mb=limit_mb, name="document")
    folder = tempfile.TemporaryDirectory(prefix="document-", dir=caller.server.folder.uploads)
    try:
        path = Path(folder.name) / name
        upload.path.rename(path)
        yield path
    finally:
        upload.discard()
        await to_thread.run_sync(folder.cleanup)
