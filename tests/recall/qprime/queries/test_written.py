from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recall.qprime.build import QueryPage
from recall.qprime.queries.written import SCHEMA, read_queries, write_queries, written_file
from recall.qprime.writers.writer import PageWords, WrittenQuery

Queries = list[WrittenQuery] | None


class Asked:
    """Writes what it is told to for each page, and remembers which it was asked for."""

    def __init__(self, write: Callable[[PageWords], Queries] = lambda page: [WrittenQuery(page.title, 0.5)]) -> None:
        self.titles: list[str] = []
        self._write = write

    def write(self, pages: Sequence[PageWords]) -> list[Queries]:
        self.titles += [page.title for page in pages]
        return [self._write(page) for page in pages]


def batches(pages: int, size: int = 2, text: str = "Red ones.") -> Iterator[list[QueryPage]]:
    rows = (QueryPage(n, f"https://a.example/{n}", f"fox {n}", text, "en") for n in range(pages))
    while part := list(itertools.islice(rows, size)):
        yield part


def killed(pages: int) -> Iterator[list[QueryPage]]:
    yield from batches(pages)
    raise KeyboardInterrupt


def stop_after(pages: int, writer: Asked, path: Path, made_by: str = "") -> None:
    with pytest.raises(KeyboardInterrupt):
        write_queries(killed(pages), writer, path, made_by)
    assert not path.exists()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "queries.parquet"


def test_there_is_one_row_per_page_with_its_outcome(path: Path) -> None:
    said: dict[str, Queries] = {"fox 0": [WrittenQuery("a", 0.75), WrittenQuery("b", 0.5)], "fox 1": [], "fox 2": None}
    counts = write_queries(batches(3), Asked(lambda page: said[page.title]), path)
    assert counts == {"written": 1, "none": 1, "failed": 1, "queries": 2}
    assert pq.read_schema(path).equals(SCHEMA)
    assert pq.read_table(path).to_pylist() == [
        {"page": 0, "outcome": "written", "texts": ["a", "b"], "relevance": [0.75, 0.5]},
        {"page": 1, "outcome": "none", "texts": [], "relevance": []},
        {"page": 2, "outcome": "failed", "texts": [], "relevance": []},
    ]


def test_rows_are_read_in_batches(path: Path) -> None:
    write_queries(batches(5), Asked(), path)
    read = list(read_queries(path, 3))
    assert [batch.pages.tolist() for batch in read] == [[0, 1, 2], [3, 4]]
    assert read[1].queries == [[WrittenQuery("fox 3", 0.5)], [WrittenQuery("fox 4", 0.5)]]


def test_a_killed_run_resumes_after_its_last_part(path: Path) -> None:
    stop_after(4, Asked(), path)
    writer = Asked()
    assert write_queries(batches(6), writer, path) == {"written": 6, "queries": 6}
    assert writer.titles == ["fox 4", "fox 5"]
    assert [page for batch in read_queries(path) for page in batch.pages.tolist()] == list(range(6))


def test_a_resumed_run_retries_failed_pages(path: Path) -> None:
    stop_after(4, Asked(lambda page: None if page.title == "fox 1" else []), path)
    writer = Asked()
    assert write_queries(batches(4), writer, path) == {"written": 1, "none": 3, "queries": 1}
    assert writer.titles == ["fox 1"]


@pytest.mark.parametrize(("text", "made_by"), [("Red ones.", "another model"), ("Grey ones.", "a model")])
def test_a_part_with_other_text_or_another_writer_is_not_used(path: Path, text: str, made_by: str) -> None:
    stop_after(2, Asked(), path, "a model")
    writer = Asked()
    write_queries(batches(2, text=text), writer, path, made_by)
    assert writer.titles == ["fox 0", "fox 1"]


def test_another_batch_size_writes_all_batches_again(path: Path) -> None:
    stop_after(4, Asked(), path)
    assert write_queries(batches(4, size=3), Asked(), path) == {"written": 4, "queries": 4}


def test_a_finished_run_leaves_only_the_file(path: Path) -> None:
    write_queries(batches(3), Asked(), path)
    assert list(path.parent.iterdir()) == [path]


def test_a_partial_file_is_not_at_the_final_path(path: Path) -> None:
    write_queries(batches(1), Asked(), path)
    before = path.read_bytes()
    with pytest.raises(KeyboardInterrupt), written_file(path):
        raise KeyboardInterrupt
    assert path.read_bytes() == before


def test_no_pages_make_an_empty_file(path: Path) -> None:
    assert write_queries([], Asked(), path) == {}
    assert list(read_queries(path)) == []


QUERY = st.builds(WrittenQuery, st.text(st.characters(codec="utf-8"), max_size=9), st.floats(0, 1, width=32))


@given(st.lists(st.none() | st.lists(QUERY, max_size=10), max_size=7))
def test_written_queries_are_read_back(said: list[Queries]) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "queries.parquet"
        write_queries(batches(len(said)), Asked(lambda page: said[int(page.title[4:])]), path)
        read = [row for batch in read_queries(path) for row in zip(batch.outcomes, batch.queries, strict=True)]
    assert [None if outcome == "failed" else own for outcome, own in read] == said


def test_parts_in_the_callers_folder_are_kept_and_reused(tmp_path: Path) -> None:
    again = Asked()
    for writer in (Asked(), again):
        write_queries(batches(3), writer, tmp_path / "q.parquet", parts=tmp_path / "parts")
    assert again.titles == []
