"""Bodies that are documents: tables, licences, usage reports; kept in a file of their name until they are read."""

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any

from anyio import to_thread
from fastapi import Query, Request

from sourceprint.service.web.caller import Caller
from sourceprint.service.web.shapes import shape
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

FileName: Any = Annotated[
    shape(
        r"^[A-Za-z0-9][A-Za-z0-9._-]{0,90}\.(?:tsv|csv|txt|xlsx|toml)$",
        "letters, digits and . _ - only, the first no sign, with the ending .tsv, .csv, .txt, .xlsx or .toml",
    ),
    Query(description="Name of the file; its ending gives the format"),
]

_MOST_MB = 200


@asynccontextmanager
async def document(request: Request, caller: Caller, name: str) -> AsyncIterator[Path]:
    """Yield the path of a body that is a document; it is gone after the block.

    Raises
    ------
    Refused
        As `receive`.
    """
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
