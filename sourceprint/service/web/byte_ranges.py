"""Bytes sent whole or in part, as players of audio ask for them: they go to a place only where parts are given."""

import re

from fastapi import Request, Response

__all__ = ["send_bytes"]

_RANGE = re.compile(r"bytes=(\d{1,18})-(\d{0,18})")


def send_bytes(request: Request, content: bytes, media_type: str) -> Response:
    """Return bytes, or the one range of them that the request names (RFC 9110, section 14); 416 beyond their end."""
    headers = {"Accept-Ranges": "bytes"}
    wanted = _RANGE.fullmatch(request.headers.get("range", ""))
    if wanted is None:  # ranges of other forms may be ignored
        return Response(content, media_type=media_type, headers=headers)
    first, last = int(wanted[1]), min(int(wanted[2] or len(content)), len(content) - 1)
    if first >= len(content) or last < first:
        return Response(status_code=416, headers=headers | {"Content-Range": f"bytes */{len(content)}"})
    headers["Content-Range"] = f"bytes {first}-{last}/{len(content)}"
    return Response(content[first : last + 1], 206, headers, media_type)
