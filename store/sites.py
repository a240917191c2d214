"""The names of the sites in a bundle, for matching host rules: page rows only contain host IDs."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from corpus.urls.url import site

#: The bundle's list of sites, one per line, sorted.
FILE = "identity/sites.txt"


def write_sites(path: Path, canonical_urls: Iterable[str]) -> None:
    """Write the sites of these pages."""
    path.write_text("".join(f"{name}\n" for name in sorted({site(url) for url in canonical_urls})), encoding="ascii")


def sites_below(path: Path, name: str) -> list[str]:
    """Return the listed sites whose host, without the port, is `name` or a subdomain of it."""
    with path.open(encoding="ascii") as file:
        listed = (line.rstrip("\n") for line in file)
        return [line for line in listed if f".{line.partition(':')[0]}".endswith(f".{name}")]
