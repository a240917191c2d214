"""Chooses the way to a gateway by the options of a client."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from onward_client.options import Options
from onward_client.transport import Transport

Connect = Callable[[], Coroutine[Any, Any, Transport]]
_OF_BUNDLES = ("config", "settings")
_OF_URL = ("api_key", "ca_file")


def connect(url: str | None, options: Options) -> Connect:
    """Return what connects. Raises ValueError for options that do not fit together."""
    if unknown := next((name for name in options if name not in Options.__annotations__), None):
        raise ValueError(f"{unknown}: it is not an option: give one of {', '.join(Options.__annotations__)}")
    bundles = options.get("bundles")
    if (url is None) == (bundles is None):
        raise ValueError("url, bundles: give one of them: a gateway's URL, or a directory of bundles")
    idle = _OF_BUNDLES if url is not None else _OF_URL
    if wrong := next((name for name in idle if options.get(name)), None):
        raise ValueError(f"{wrong}: it has no use with {'a URL' if url is not None else 'bundles'}: leave it out")
    if url is None:
        return _in_process(Path(str(bundles)), options)
    if not url.isprintable() or " " in url:  # `urlsplit` takes line breaks out
        raise _no_gateway()
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise _no_gateway() from None
    if parts.scheme in ("http", "https") and parts.hostname:
        return _http(url, options)
    if parts.scheme in ("grpc", "grpcs") and parts.hostname and port and not parts.path.strip("/"):
        return _grpc(parts.netloc, parts.scheme == "grpcs", options)
    raise _no_gateway()


def _no_gateway() -> ValueError:
    return ValueError("url: it names no gateway: give http://host:port, https://…, grpc://host:port or grpcs://…")


def _http(url: str, options: Options) -> Connect:
    from onward_client.http import Http

    async def connect() -> Transport:
        return Http(url, options.get("api_key"), options.get("ca_file"))

    return connect


def _grpc(target: str, tls: bool, options: Options) -> Connect:
    from onward_client.grpc import Grpc

    async def connect() -> Transport:
        return Grpc(target, tls, options.get("api_key"), options.get("ca_file"))

    return connect


def _in_process(bundles: Path, options: Options) -> Connect:
    from onward_client.in_process import open_bundles

    config = options.get("config")
    return lambda: open_bundles(bundles, None if config is None else Path(config), options.get("settings", ()))
