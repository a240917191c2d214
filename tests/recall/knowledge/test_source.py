from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from recall.knowledge.source import BODY, KNOWLEDGE, NOTHING, SNIPPET, known_pages
from recall.knowledge.written import batch_of, chunks, counted, write

_FIRST = 2**63  # PageIds take all 64 bits


def pages(directory: Path, count: int, knowledge: dict[int, str]) -> Path:
    """Write `count` pages: every second has a body, every fifth no text at all."""
    numbers = list(range(1, count + 1))
    texts = {
        "snippet": ["" if n % 5 == 0 else f"Snippet {n}." for n in numbers],
        "body": [f"<p>Body &amp; <b>{n}</b></p><script>no</script>" if n % 2 == 0 and n % 5 else "" for n in numbers],
    }
    named = {name: [f"{name} {n}" for n in numbers] for name in ("url", "title")}
    ids = pa.array([_FIRST + n for n in numbers], pa.uint64())
    pq.write_table(pa.table({"page": ids, **named, "language": ["en"] * count, **texts}), directory / "pages.parquet")
    given = pa.table(
        {
            "page": pa.array([_FIRST + n for n in knowledge], pa.uint64()),
            "text": pa.array(knowledge.values(), pa.string()),
        }
    )
    pq.write_table(given, directory / "knowledge.parquet")
    return directory


def test_knowledge_comes_before_the_body_and_that_before_the_snippet(tmp_path: Path) -> None:
    (found,) = known_pages(pages(tmp_path, 5, {1: "An article <i>on</i> one.", 5: "An article."}))
    assert [(page.text, page.source) for page in found] == [
        ("An article on one.", KNOWLEDGE),
        ("Body & 2", BODY),
        ("Snippet 3.", SNIPPET),
        ("Body & 4", BODY),
        ("An article.", KNOWLEDGE),
    ]


def test_a_page_without_any_text_has_none(tmp_path: Path) -> None:
    (found,) = known_pages(pages(tmp_path, 5, {}))
    assert (found[4].text, found[4].source) == ("", NOTHING)


def test_every_batch_gets_the_texts_of_its_own_pages(tmp_path: Path) -> None:
    batches = list(known_pages(pages(tmp_path, 2_500, {1: "first text", 1_024: "end", 1_025: "begin", 2_500: "last"})))
    assert [len(batch) for batch in batches] == [1_024, 1_024, 452]
    given = [[page.text for page in batch if page.source == KNOWLEDGE] for batch in batches]
    assert given == [["first text", "end"], ["begin"], ["last"]]


def test_long_texts_are_not_in_memory_together(tmp_path: Path) -> None:
    long = {number: f"{number} {'word ' * 2_000}" for number in range(1, 6_001)}  # 60 MB in one row group
    read = pages(tmp_path, 6_000, long)
    pool, usual = pa.proxy_memory_pool(pa.default_memory_pool()), pa.default_memory_pool()
    pa.set_memory_pool(pool)
    try:
        found = [page.source for batch in known_pages(read) for page in batch]
    finally:
        pa.set_memory_pool(usual)
    assert found == [KNOWLEDGE] * 6_000
    assert pool.max_memory() < 40_000_000


class Upper:
    """A writer whose work can be told from the text itself."""

    def write(self, page) -> str:
        return page.text.upper()


def test_written_texts_keep_the_order_and_a_finished_file_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "texts.parquet"
    write(path, known_pages(pages(tmp_path, 1_500, {1: "an article"})), Upper(), None, lambda done: None)  # type: ignore[arg-type]
    assert [len(chunk) for chunk in chunks(path)] == [1_024, 476]
    assert batch_of(path, 0)["text"][:3] == ["AN ARTICLE", "BODY & 2", "SNIPPET 3."]
    assert batch_of(path, 1)["url"][0] == "url 1025"
    assert counted(path) == {KNOWLEDGE: 1, BODY: 600, SNIPPET: 599, NOTHING: 300}
    made = path.stat().st_mtime_ns
    write(path, iter([]), Upper(), None, lambda done: None)  # type: ignore[arg-type]
    assert path.stat().st_mtime_ns == made


def test_a_killed_writer_leaves_no_file(tmp_path: Path) -> None:
    def kill(done: int) -> None:
        raise KeyboardInterrupt

    path = tmp_path / "texts.parquet"
    with pytest.raises(KeyboardInterrupt):
        write(path, known_pages(pages(tmp_path, 1_500, {})), Upper(), None, kill)  # type: ignore[arg-type]
    assert not path.exists()
