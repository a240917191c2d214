"""Files that a browser loads from this gateway and from nowhere else."""

from __future__ import annotations

import gzip
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
    """A few small files in memory, also compressed. A browser asks each time whether its copy is current: an upgrade
    shows at once.
    """

    def __init__(self, bodies: Mapping[str, bytes]) -> None:
        self._plain = {name: _file(name, body) for name, body in bodies.items()}
        self._compressed = {name: _file(name, body, compressed=True) for name, body in bodies.items()}

    def response(self, request: Request, name: str, headers: Mapping[str, str] | None = None) -> Response:
        """Return the file of that name, or that the browser's copy is current. Raises HTTPException 404."""
        kept = self._compressed if _takes_gzip(request.headers.get("accept-encoding", "")) else self._plain
        file = kept.get(name)
        if file is None:
            raise HTTPException(404)
        sent = {**file.headers, **(headers or {})}
        if sent["ETag"] in _tags(request.headers.get("if-none-match", "")):
            return Response(status_code=304, headers=sent)
        return Response(file.body, headers=sent)


def read_files(paths: Iterable[Path]) -> dict[str, bytes]:
    """Return the files by their names."""
    return {path.name: path.read_bytes() for path in paths}


def _file(name: str, body: bytes, compressed: bool = False) -> _File:
    tag = hashlib.sha256(body).hexdigest()[:32]
    headers = {"Content-Type": _TYPES[Path(name).suffix], "X-Content-Type-Options": "nosniff"}
    headers |= {"Cache-Control": "no-cache", "Vary": "Accept-Encoding"}
    if not compressed:
        return _File(body, {**headers, "ETag": f'"{tag}"'})
    return _File(gzip.compress(body, mtime=0), {**headers, "ETag": f'"{tag}-gzip"', "Content-Encoding": "gzip"})


def _takes_gzip(accepted: str) -> bool:
    codings = ["".join(each.split()).lower().split(";q=") for each in accepted.split(",")]
    return any(name == "gzip" and not (quality and not quality[0].strip("0.")) for name, *quality in codings)


def _tags(sent: str) -> set[str]:
    """Return the tags of If-None-Match; a proxy that compresses makes them weak."""
    return {tag.strip().removeprefix("W/") for tag in sent.split(",")}
