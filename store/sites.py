"""The sites of a bundle's pages by name: what a rule on hosts can be compared with, since rows hold their ids alone."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from corpus.urls.url import site

#: Where a bundle lists its sites, one a line, sorted.
FILE = "identity/sites.txt"


def write_sites(path: Path, canonical_urls: Iterable[str]) -> None:
    """Write the sites of pages."""
    path.write_text("".join(f"{name}\n" for name in sorted({site(url) for url in canonical_urls})), encoding="ascii")


def sites_below(path: Path, name: str) -> list[str]:
    """Return the listed sites whose host is `name` or ends in it after a dot; a port is no part of the host's name."""
    with path.open(encoding="ascii") as file:
        listed = (line.rstrip("\n") for line in file)
        return [one for one in listed if f".{one.partition(':')[0]}".endswith(f".{name}")]
