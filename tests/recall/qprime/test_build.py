from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray

from recall.qprime.build import build, search_texts
from recall.qprime.config import QPrimeConfig
from recall.qprime.engines.embedded import TantivyEngine
from recall.qprime.engines.search_engine import Hits
from recall.qprime.row import Row, read
from recall.qprime.table_parts import Counts
from recall.qprime.writers.writer import PageWords, WrittenQuery

QUIET = QPrimeConfig(progress=False)
DAY = 20_000
# page, title, snippet, language, address, fingerprint, spam
PAGES = [
    (10, "red fox", "hunts rodents", "en", 1, 0b1111 << 40, False),
    (20, "arctic fox", "of the tundra", "en", 2, 0xABCDEF << 8, False),
    (30, "fox", "moved", "en", 1, 0, False),  # the same address as 10
    (40, "the red fox", "hunts rodents", "en", 4, 0b1110 << 40, False),  # a near-duplicate of 10
    (50, "fox", "renard", "fr", 5, 0, False),
    (60, "fox fox", "buy", "en", 6, 0, True),
    (70, "rodents", "small animals", "", 7, 0, False),
    (80, "granite", "stone", "en", 8, 0, False),
    (90, "red fox", "adults only", "en", 9, 0, False),
    (100, "red fox", "hunts on", "en", 10, 0, False),  # the second page of 10
]


class TitleWriter:
    """Asks for a page's title and its snippet."""

    def write(self, pages: Sequence[PageWords]) -> list[list[WrittenQuery]]:
        return [[WrittenQuery(page.title), WrittenQuery(page.snippet)] for page in pages]


def quality(one: NDArray[np.uint64], two: NDArray[np.uint64]) -> NDArray[np.float32]:
    return np.where(two == 70, 3.5, 2.0).astype(np.float32)


@pytest.fixture
def pages() -> pa.Table:
    names = ("page", "title", "snippet", "language", "address", "fingerprint", "spam")
    columns = dict(zip(names, map(list, zip(*PAGES, strict=True)), strict=True))
    for name in ("page", "address", "fingerprint"):
        columns[name] = pa.array(columns[name], pa.uint64())
    urls = ["https://a.example/10/page/2" if page[0] == 100 else f"https://a.example/{page[0]}" for page in PAGES]
    adult = [page[0] == 90 for page in PAGES]
    return pa.table({**columns, "url": urls, "adult": adult, "body": [""] * len(PAGES)})


@pytest.fixture
def engine(pages: pa.Table, tmp_path: Path) -> TantivyEngine:
    return TantivyEngine.build(tmp_path / "index", search_texts(pages))


def built(pages: pa.Table | Path, engine: TantivyEngine, config: QPrimeConfig = QUIET) -> dict[int, Row]:
    made = build(pages, engine, TitleWriter(), quality, DAY, config)
    return {one.page: read(one.row) for one in made}


def test_pages_are_ranked_by_quality_each_with_its_query(pages: pa.Table, engine: TantivyEngine) -> None:
    row = built(pages, engine)[10]
    assert row.pages.tolist() == [70, 20]
    assert [row.queries[i] for i in row.query] == ["hunts rodents", "red fox"]
    assert row.quality.tolist() == pytest.approx([3.5, 2.0], abs=0.01)


def test_every_drop_is_counted_by_reason(pages: pa.Table, engine: TantivyEngine) -> None:
    counts = Counts()
    list(build(pages.slice(0, 1), engine, TitleWriter(), quality, DAY, QUIET, counts))
    assert counts.dropped["unknown"] == counts.hits - counts.dropped["self"]  # the other pages are not in the table
    counts = Counts()
    list(build(pages, engine, TitleWriter(), quality, DAY, QUIET, counts))
    assert all(
        counts.dropped[reason] for reason in ("self", "address", "duplicate", "language", "sub-page", "spam", "adult")
    )
    assert counts.dropped["repeated"]
    assert counts.hits == counts.kept + sum(counts.dropped.values())
    assert (counts.pages, counts.queries) == (10, 20)


def test_a_page_without_similar_pages_has_an_empty_row_with_its_day(pages: pa.Table, engine: TantivyEngine) -> None:
    row = built(pages, engine)[80]
    assert (len(row.pages), row.day) == (0, DAY)


class Deaf:
    """An engine that answers no query about rodents."""

    def __init__(self, engine: TantivyEngine) -> None:
        self._engine = engine

    def search(self, queries: Sequence[str], limit: int) -> list[Hits | None]:
        hits = self._engine.search(queries, limit)
        return [None if "rodents" in query else found for query, found in zip(queries, hits, strict=True)]


def test_a_failed_query_makes_the_row_incomplete(pages: pa.Table, engine: TantivyEngine) -> None:
    counts = Counts()
    made = {one.page: one for one in build(pages, Deaf(engine), TitleWriter(), quality, DAY, QUIET, counts)}
    assert [page for page, one in made.items() if not one.complete] == [10, 40, 70]
    assert counts.incomplete == 3
    row = read(made[10].row)
    assert (row.pages.tolist(), row.day) == ([20], 0)


def test_a_page_whose_queries_could_not_be_written_is_incomplete(pages: pa.Table, engine: TantivyEngine) -> None:
    class Mute(TitleWriter):
        def write(self, pages: Sequence[PageWords]) -> list[list[WrittenQuery] | None]:
            return [None if page.title == "fox" else own for page, own in zip(pages, super().write(pages), strict=True)]

    made = build(pages, engine, Mute(), quality, DAY, QUIET)
    assert [one.page for one in made if not one.complete] == [30, 50]


def test_pages_of_low_quality_are_dropped(pages: pa.Table, engine: TantivyEngine) -> None:
    assert built(pages, engine, QPrimeConfig(min_quality=3.0, progress=False))[10].pages.tolist() == [70]


def test_a_row_keeps_only_the_best(pages: pa.Table, engine: TantivyEngine) -> None:
    assert built(pages, engine, QPrimeConfig(keep=1, progress=False))[10].pages.tolist() == [70]


def test_a_file_read_in_small_batches_gives_the_same_rows(
    pages: pa.Table, engine: TantivyEngine, tmp_path: Path
) -> None:
    pq.write_table(pages, tmp_path / "pages.parquet")
    rows = built(tmp_path / "pages.parquet", engine, QPrimeConfig(batch=3, progress=False))
    whole = built(pages, engine)
    assert rows.keys() == whole.keys()
    assert all(rows[page].pages.tolist() == whole[page].pages.tolist() for page in rows)


def test_no_pages_build_no_rows(pages: pa.Table, engine: TantivyEngine) -> None:
    assert built(pages.slice(0, 0), engine) == {}


class Counted:
    """The engine, which counts the queries of each call and dies at the call of number `dies_at`; may miss one."""

    def __init__(self, engine: TantivyEngine, dies_at: int = -1, missed: str = "") -> None:
        self.engine, self.dies_at, self.missed = engine, dies_at, missed
        self.calls: list[list[str]] = []

    def search(self, queries: Sequence[str], limit: int) -> list[Hits | None]:
        if len(self.calls) == self.dies_at:
            raise KeyboardInterrupt
        self.calls.append(list(queries))
        return [None if self.missed in query.split() else hits
                for query, hits in zip(queries, self.engine.search(queries, limit), strict=True)]  # fmt: skip


def in_parts(pages: pa.Table, engine: Counted, parts: Path | None) -> tuple[list[tuple[int, bytes]], Counts]:
    counts, config = Counts(), QPrimeConfig(batch=3, progress=False)
    made = build(pages, engine, TitleWriter(), quality, DAY, config, counts, parts=parts)
    return [(one.page, one.row) for one in made], counts


@pytest.mark.parametrize("dies_at", range(4))
def test_a_resumed_run_searches_and_judges_only_the_rest(
    pages: pa.Table, engine: TantivyEngine, tmp_path: Path, dies_at: int
) -> None:
    expected, again = in_parts(pages, Counted(engine), None), Counted(engine)
    with pytest.raises(KeyboardInterrupt):
        in_parts(pages, Counted(engine, dies_at), tmp_path / "parts")
    assert in_parts(pages, again, tmp_path / "parts") == expected
    assert len(again.calls) == 4 - dies_at


def test_pages_with_a_failed_query_are_retried(pages: pa.Table, engine: TantivyEngine, tmp_path: Path) -> None:
    expected, again = in_parts(pages, Counted(engine), None), Counted(engine)
    in_parts(pages, Counted(engine, missed="granite"), tmp_path / "parts")
    assert in_parts(pages, again, tmp_path / "parts") == expected
    assert [call for call in again.calls if "granite" in call] == again.calls
    assert len(again.calls) == 1


def test_changed_queries_are_searched_again(pages: pa.Table, engine: TantivyEngine, tmp_path: Path) -> None:
    class Other(TitleWriter):
        def write(self, pages: Sequence[PageWords]) -> list[list[WrittenQuery]]:
            return [[WrittenQuery("fox")] for _ in pages]

    in_parts(pages, Counted(engine), tmp_path / "parts")
    again = Counted(engine)
    list(build(pages, again, Other(), quality, DAY, QPrimeConfig(batch=3, progress=False), parts=tmp_path / "parts"))
    assert len(again.calls) == 4
