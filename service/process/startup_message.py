"""The message printed when the gateway is ready."""

from __future__ import annotations

from urllib.parse import quote

from service.process.server import Address

_LINKS = 3


def startup_message(address: Address, bundle: str, urls: tuple[str, ...]) -> str:
    """Return the addresses of the gateway, and three links to try."""
    host = _reachable(address.host)
    here = f"http://{host}:{address.port}"
    links = "".join(f"  {here}/recommend?url1={quote(url, safe='')}\n" for url in urls[:_LINKS])
    admin = f"http://{_reachable(address.admin_host)}:{address.admin_port}"
    endpoints = f"HTTP {here} (try {here}/docs), gRPC {host}:{address.grpc_port}, admin {admin}"
    return f"Onward serves {bundle}\n  {endpoints}\n{links}"


def _reachable(host: str) -> str:
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
    return f"[{host}]" if ":" in host else host
