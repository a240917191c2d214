"""How clients reach a gateway in a process of its own."""

from __future__ import annotations

from gateway_process import GatewayProcess

PATIENT = ("budget_ms=5000", "max_budget_ms=5000", "unknown.most=0")
KEY = "key-of-the-site"


def url_of(running: GatewayProcess, protocol: str) -> str:
    """Return the URL by which a client reaches a gateway."""
    return running.http if protocol == "http" else f"grpc://{running.grpc}"
