"""What a bundle's tables know of one page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cli.inspect.text import shown_text
from cli.push import table_files

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from store.bundle import Bundle

_ROWS = 10
_WORDS = frozenset({"page", "query", "field", "value", "bytes"})  # columns of words


def show_page(bundle: Bundle, url: str, console: Console) -> None:
    """Print the page's row of every table."""
    import numpy as np

    from store.addresses import open_addresses
    from store.tables import LmdbTable

    addresses = open_addresses(bundle)
    address, page = addresses.locate(url)
    addresses.close()
    key = np.array([page], np.uint64)
    tables = {path.stem: LmdbTable(path) for path in table_files(bundle)}
    console.print(f"[bold]{address}[/bold]  PageId {key[0]:016x}")
    for name, table in tables.items():
        row = table.read(key)[0]
        console.print(row_table(name, row, tables) if row else f"{name}: no row")


def row_table(name: str, row: bytes, tables: dict[str, Any]) -> Table:
    """Return a page's row of one table, as it is shown."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    names, lines = _READERS.get(name, _bytes)(row)
    shown = Table(title=f"{name}: {len(row)} bytes", box=SIMPLE_HEAD)
    for kind in names:  # numbers keep their width; words are folded, never cut
        words = kind in _WORDS
        shown.add_column(kind, justify="left" if words else "right", no_wrap=not words, overflow="fold")
    for line in lines:
        shown.add_row(
            *(
                _title(value, tables) if kind == "page" else shown_text(value)
                for kind, value in zip(names, line, strict=True)
            )
        )
    return shown


def _pages(row: bytes) -> tuple[list[str], list[list[Any]]]:
    from store import page_row

    facts = page_row.read_facts([row])[0]
    tokens = page_row.read_tokens(row, facts)
    text = page_row.read_text(row)._asdict()
    numbers = {name: facts[name] for name in facts.dtype.names if name not in text}
    shown = {**text, **numbers, "token ids": tokens[:20].tolist()}
    return ["field", "value"], [[name, value] for name, value in shown.items()]


def _coclick(row: bytes) -> tuple[list[str], list[list[Any]]]:
    from recall.coclick.row import read

    fields = ["page", "affinity", "next_all", "back_all", "shown_all", "chosen_all", "borrowed_next"]
    names = [field.partition("_")[0] for field in fields]  # short, so that the titles have room
    return names, [list(line) for line in read(row)[fields][:_ROWS].tolist()]


def _related(row: bytes) -> tuple[list[str], list[list[Any]]]:
    from recall.related.row import read

    fields = ["page", *(f"related_{name}" for name in ("score", "cosine", "terms", "mentions"))]
    names = [field.removeprefix("related_") for field in fields]
    return names, [list(line) for line in read(row)[fields][:_ROWS].tolist()]


def _qprime(row: bytes) -> tuple[list[str], list[list[Any]]]:
    from recall.qprime.row import read

    found = read(row)
    lines = zip(found.pages.tolist(), found.quality.tolist(), found.query.tolist(), strict=True)
    shown = [[page, quality, found.queries[query]] for page, quality, query in lines]
    return ["page", "quality", "query"], shown[:_ROWS]


def _answers(row: bytes) -> tuple[list[str], list[list[Any]]]:
    from ranking.stored_answers import PATHS
    from store.answer_row import NOT_FOUND, read

    found = read(row, len(PATHS))
    recalled = [
        ", ".join(f"{path} {rank + 1}" for path, rank in zip(PATHS, ranks, strict=True) if rank != NOT_FOUND)
        for ranks in found.ranks.T.tolist()
    ]
    asked = {} if found.llm is None else {"llm": found.llm}
    scores = {"stage2": found.stage2, "click": found.click, "quality": found.quality, **asked}
    columns = (column.tolist() for column in scores.values())
    shown = [list(line) for line in zip(found.pages.tolist(), *columns, recalled, strict=True)]
    return ["page", *scores, "field"], shown[:_ROWS]


def _bytes(row: bytes) -> tuple[list[str], list[list[Any]]]:
    return ["bytes"], [[row[:64].hex(" ")]]


_READERS = {
    "pages": _pages, "coclick": _coclick, "qprime": _qprime, "related": _related, "answers": _answers,
}  # fmt: skip


def _title(page: int, tables: dict[str, Any]) -> str:
    """Return a page's title, the last part of its URL where it has none, its PageId where no table knows it."""
    import numpy as np
    from rich.markup import escape

    from store import page_row

    row = tables["pages"].read(np.array([page], np.uint64))[0] if "pages" in tables else None
    if not row:
        return f"{page:016x}"
    text = page_row.read_text(row)
    return escape(text.title.strip() or text.url.rstrip("/").rpartition("/")[2])
