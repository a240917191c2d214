"""A request as the caches look it up."""

from __future__ import annotations

from typing import NamedTuple

from cascade.types import Query
from service.answers.lookup import key_of
from service.answers.request import Request
from service.answers.resolve import query_of
from service.live_bundle import LoadedBundle


class Asked(NamedTuple):
    """A request, resolved to a page of one bundle, and the key of its ranked list. It holds nothing of the bundle."""

    bundle: str
    request: Request
    query: Query
    key: tuple[str, ...]


def asked(request: Request, bundle: LoadedBundle) -> Asked:
    """Resolve a request in a bundle. Raises ClientError."""
    query = query_of(request, bundle.addresses)
    return Asked(bundle.name, request, query, key_of(bundle.name, query))
