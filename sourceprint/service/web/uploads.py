"""Uploads: a raw request body, streamed to a file; never in memory as a whole.

A body that is too long, too slow, empty or cut off is refused, and nothing of it stays.
"""

import asyncio
import hashlib
import os
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from anyio import to_thread
from fastapi import Request
from starlette.requests import ClientDisconnect

from fingerprint import disk
from fingerprint.errors import OutputError
from sourceprint.service.web.problems import Refused

__all__ = ["AUDIO_BODY", "Upload", "receive"]

AUDIO_BODY: dict[str, Any] = {
    "requestBody": {
        "description": "An audio file in any format that the command line reads, or a fingerprint file (.spf)",
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary", "minLength": 1}}},
    }
}
"""Documentation of a body that is audio."""

_BLOCK_BYTES = 1 << 20
_SILENCE_SECONDS = 30.0  # how long a client may send nothing
_LONGEST_SECONDS = 3_600.0  # how long one upload may take


@dataclass(frozen=True, slots=True)
class Upload:
    """A body that was received.

    Attributes
    ----------
    path : Path
        In the folder of uploads.
    n_bytes : int
    sha256 : str
    """

    path: Path
    n_bytes: int
    sha256: str

    def discard(self) -> None:
        """Delete the file."""
        self.path.unlink(missing_ok=True)


async def receive(request: Request, folder: Path, *, limit_mb: int, name: str) -> Upload:
    """Stream the body of a request into a new file.

    Parameters
    ----------
    request : Request
    folder : Path
    limit_mb : int
        Size limit, in MB.
    name : str
        Of the track: a fingerprint file keeps its ending.

    Raises
    ------
    Refused
        400 if the body ends early, 408 if it is too slow, 413 if it is too long, 422 if it is empty.
    StorageFullError, OutputError
        If the disk is full, or the folder cannot be written to.
    """
    limit_bytes = limit_mb * 1_000_000
    too_long = Refused(413, "body too long", f"a body may have {limit_mb} MB")
    stated = request.headers.get("content-length", "")
    if stated.isdigit() and int(stated) > limit_bytes:
        raise too_long
    path = folder / f"{uuid.uuid4()}{'.spf' if name.lower().endswith('.spf') else ''}"
    digest, n_bytes, block = hashlib.sha256(), 0, bytearray()
    try:
        with disk.refusals(path, OutputError, "cannot be kept", remedy="see to the data folder"):
            descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
            with os.fdopen(descriptor, "wb", buffering=0) as file:
                async for chunk in _chunks(request):
                    n_bytes += len(chunk)
                    if n_bytes > limit_bytes:
                        raise too_long
                    block += chunk
                    if len(block) >= _BLOCK_BYTES:
                        await to_thread.run_sync(_write, file, bytes(block), digest)
                        block.clear()
                await to_thread.run_sync(_write, file, bytes(block), digest)
                await to_thread.run_sync(os.fsync, file.fileno())
        if not n_bytes:
            raise Refused(422, "empty body", "the body is empty; send the bytes of an audio file")
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return Upload(path, n_bytes, digest.hexdigest())


async def _chunks(request: Request) -> AsyncIterator[bytes]:
    """Yield a body as it comes; Refused if it is too slow or cut off."""
    stream, clock = request.stream(), asyncio.get_running_loop().time
    until = clock() + _LONGEST_SECONDS
    while True:
        try:  # here alone: elsewhere a TimeoutError is one of the disk
            async with asyncio.timeout(min(_SILENCE_SECONDS, until - clock())):
                chunk = await anext(stream, None)
        except TimeoutError:
            limits = f"{_SILENCE_SECONDS:g} s of silence, {_LONGEST_SECONDS:g} s in all"
            raise Refused(408, "too slow", f"the body took too long (limits: {limits}); send it again") from None
        except ClientDisconnect:
            raise Refused(400, "body cut off", "the connection ended before the body did; send it again") from None
        if chunk is None:
            return
        yield chunk


def _write(file: Any, data: bytes, digest: Any) -> None:
    digest.update(data)
    view = memoryview(data)
    while view:
        view = view[file.write(view) :]
