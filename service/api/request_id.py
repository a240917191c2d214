"""The ID of a request: in logs, in the answer and in the response's headers."""

from __future__ import annotations

import re
import secrets

HEADER = "x-request-id"  # of HTTP; also the key in gRPC metadata
_VALID = re.compile(r"[A-Za-z0-9._-]{1,64}")


def request_id(sent: str | None) -> str:
    """Return the request ID that the caller sent where it is safe to log and to send back, else a new one."""
    return sent if sent and _VALID.fullmatch(sent) else secrets.token_hex(16)
