from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest

from cascade.types import Query
from service.answers.unknown_pages import UnknownPageQueue
from store.unknown_pages import SqliteUnknownPages, UnknownPage

FOX = Query("https://a.example/fox", 5, "Fox", "red", "en")


class Broken:
    """A store whose disk is full."""

    def add(self, pages: Mapping[int, UnknownPage]) -> int:
        raise OSError(28, "no space left")

    def waiting(self) -> dict[int, UnknownPage]:
        return {}

    def count(self) -> int:
        return 0

    def remove(self, pages: Iterable[int]) -> None: ...


async def test_a_page_is_stored_with_its_text(tmp_path: Path) -> None:
    store = SqliteUnknownPages(tmp_path / "unknown.sqlite")
    queue = UnknownPageQueue(store)
    for _ in range(3):
        queue.add(FOX)
    await queue.close()
    assert store.waiting() == {5: UnknownPage(FOX.url, "Fox", "red", "en")}


async def test_a_page_requested_again_is_not_written_again(tmp_path: Path) -> None:
    store = SqliteUnknownPages(tmp_path / "unknown.sqlite")
    queue = UnknownPageQueue(store)
    queue.add(FOX)
    await queue.close()
    store.remove([5])
    queue.add(FOX)
    await queue.close()
    assert store.waiting() == {}


async def test_text_that_is_sent_later_replaces_missing_text(tmp_path: Path) -> None:
    store = SqliteUnknownPages(tmp_path / "unknown.sqlite")
    queue = UnknownPageQueue(store)
    queue.add(Query(FOX.url, FOX.page))
    await queue.close()
    queue.add(FOX)
    queue.add(Query(FOX.url, FOX.page))
    await queue.close()
    assert store.waiting() == {5: UnknownPage(FOX.url, "Fox", "red", "en")}


async def test_pages_without_room_are_counted_and_logged_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    lost = Counter[str]()
    queue = UnknownPageQueue(
        SqliteUnknownPages(tmp_path / "unknown.sqlite", most=2), lambda why, pages: lost.update({why: pages})
    )
    for part in range(3):
        for page in range(4):
            queue.add(Query(f"https://a.example/{part}/{page}", 10 * part + page))
        await queue.close()
    assert lost == {"full": 10}
    assert caplog.text.count("raise unknown.most") == 1


async def test_the_queue_is_bounded(tmp_path: Path) -> None:
    store, lost = SqliteUnknownPages(tmp_path / "unknown.sqlite"), Counter[str]()
    queue = UnknownPageQueue(store, lambda why, pages: lost.update({why: pages}))
    for page in range(5_000):
        queue.add(Query(f"https://a.example/{page}", page))
    await queue.close()
    assert (len(store.waiting()), lost) == (1_000, {"busy": 4_000})


async def test_a_failing_store_loses_pages_and_raises_nothing(caplog: pytest.LogCaptureFixture) -> None:
    queue = UnknownPageQueue(Broken())
    queue.add(FOX)
    await queue.close()
    assert "1 unknown pages were lost: OSError" in caplog.text
