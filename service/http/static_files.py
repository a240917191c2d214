"""Files that a browser loads from this gateway and from nowhere else."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from fastapi import Request, Response
from starlette.exceptions import HTTPException

_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
}
#: A page may run this gateway's scripts alone, draw with its styles, and talk to nobody else.
POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data:",
    "connect-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'none'",
    "frame-ancestors": "'none'",
}


def page_headers(**directives: str) -> dict[str, str]:
    """Return the headers of an HTML page; a directive such as `style_src` replaces that of POLICY."""
    policy = {**POLICY, **{name.replace("_", "-"): value for name, value in directives.items()}}
    return {
        "Content-Security-Policy": "; ".join(f"{name} {value}".strip() for name, value in policy.items()),
        "Cross-Origin-Opener-Policy": "same-origin",
        "Referrer-Policy": "no-referrer",
    }


@dataclass(frozen=True, slots=True)
class _File:
    body: bytes
    headers: Mapping[str, str]


class StaticFiles:
    """A few small files, read once. A browser asks each time whether its copy is current: an upgrade shows at once."""

    def __init__(self, paths: Iterable[Path]) -> None:
        self._files = {path.name: _read(path) for path in paths}

    def response(self, request: Request, name: str, headers: Mapping[str, str] | None = None) -> Response:
        """Return the file of that name, or that the browser's copy is current. Raises HTTPException 404."""
        file = self._files.get(name)
        if file is None:
            raise HTTPException(404)
        sent = {**file.headers, **(headers or {})}
        if request.headers.get("if-none-match") == sent["ETag"]:
            return Response(status_code=304, headers=sent)
        return Response(file.body, headers=sent)


def _read(path: Path) -> _File:
    body = path.read_bytes()
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    kind = {"Content-Type": _TYPES[path.suffix], "X-Content-Type-Options": "nosniff"}
    return _File(body, {**kind, "ETag": tag, "Cache-Control": "no-cache"})
