"""What an error must look like (RFC 9457)."""

from __future__ import annotations

import httpx


def problem(response: httpx.Response, status: int) -> dict:
    """Return the body of an error with this status."""
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    body = response.json()
    assert body.keys() == {"type", "title", "status", "detail", "instance", "errors"}
    assert body["status"] == status
    assert body["instance"].endswith(response.headers["x-request-id"])
    return body
