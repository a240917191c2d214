from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from written_queries import DOWN, FOX, LOGIN, OWL, ROWS, page, write_pages, write_queries

from configs.reading import SettingsError
from corpus.schema import InputError
from recall.qprime.row import pack
from recall.qprime.small_writer.instructions import NO_QUERY, Counts, instructions
from recall.qprime.small_writer.satisfied import satisfied_pairs, satisfied_queries
from recall.qprime.writers.page_prompt import packaged_prompt, read_prompt
from store.page_row import PageText
from store.tables import LmdbTable, write_table

LYNX, MICE = "https://b.example/lynx", "https://b.example/mice"
PROMPT = packaged_prompt("small_writer")


def exported(
    folder: Path, rows: list | None = None, clicked: dict[int, frozenset[str]] | None = None
) -> tuple[dict[str, str], Counts]:
    """Return URL -> answer, and the counts."""
    counts = Counts()
    files = write_queries(folder / "queries.parquet", ROWS if rows is None else rows), write_pages(folder / "p.parquet")
    answers = {}
    for line in instructions(*files, PROMPT, counts, clicked):
        user, assistant = json.loads(line)["messages"]
        assert (user["role"], assistant["role"]) == ("user", "assistant")
        answers[next(url for url in (FOX, OWL, LOGIN, DOWN) if f"URL: {url}\n" in user["content"])] = assistant[
            "content"
        ]
    return answers, counts


@pytest.fixture
def shown(tmp_path: Path) -> Path:
    path = tmp_path / "impressions.csv"
    path.write_text(
        "impression,url1,url2,clicked,dwell_s\n"
        f"1,{FOX},{LYNX},1,31\n"  # satisfied
        f"1,{FOX},{MICE},1,5\n"
        f"2,{FOX},{MICE},0,\n"
        f"2,{OWL},{MICE},1,\n"  # dwell time unknown
        f"3,not a page,{MICE},1,90\n"
        f"3,{OWL},{LYNX},1,90\n"  # that page was not found by a query
    )
    return path


def test_written_pages_become_conversations_in_the_format_that_the_prompt_asks_for(tmp_path: Path) -> None:
    answers, counts = exported(tmp_path)
    assert json.loads(answers[FOX]) == [
        {"query": "arctic  fox", "relevance": 0.9},
        {"query": "fox hunting law", "relevance": 0.5},
    ]
    assert answers[LOGIN] == NO_QUERY
    assert answers.keys() == {FOX, OWL, LOGIN}
    assert (counts.conversations, counts.none, counts.queries) == (3, 1, 3)
    assert +counts.pages_left_out == {"not answered": 1}


def test_the_prompt_includes_the_page(tmp_path: Path) -> None:
    files = write_queries(tmp_path / "q.parquet", [ROWS[0]]), write_pages(tmp_path / "p.parquet")
    [line] = instructions(*files, PROMPT, Counts())
    asked_for = json.loads(line)["messages"][0]["content"]
    assert f"Title: Title of {FOX}\n" in asked_for
    assert "A snippet. The body, which goes on." in asked_for


def test_a_page_whose_queries_were_all_filtered_is_skipped(tmp_path: Path) -> None:
    answers, counts = exported(tmp_path, [(FOX, "written", {}), ROWS[2]])
    assert answers == {LOGIN: NO_QUERY}
    assert +counts.pages_left_out == {"no query passed a filter": 1}


def test_only_clicked_queries_are_kept(tmp_path: Path) -> None:
    answers, counts = exported(tmp_path, clicked={page(FOX): frozenset({"arctic fox"})})
    assert [query["query"] for query in json.loads(answers[FOX])] == ["arctic  fox"]
    assert answers.keys() == {FOX, LOGIN}
    assert +counts.pages_left_out == {"not answered": 1, "no satisfied click": 1}
    assert +counts.queries_left_out == {"without a satisfied click": 2}


def test_a_page_outside_the_build_is_counted(tmp_path: Path) -> None:
    answers, counts = exported(tmp_path, [*ROWS, ("https://c.example/", "none", {})])
    assert len(answers) == 3
    assert counts.pages_left_out["not among the pages"] == 1


def test_no_rows_give_no_conversations(tmp_path: Path) -> None:
    assert exported(tmp_path, [])[0] == {}


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([ROWS[0], ROWS[0]], "more than once"),
        ([(FOX, "maybe", {})], "outcome 'maybe'"),
        ([(FOX, "written", {"fox": 7.0})], "relevance 7"),
        ([(FOX, "written", {"": 0.5})], "query ''"),
        ([(FOX, "written", {"fox": float("nan")})], "relevance nan"),
    ],
)
def test_an_invalid_row_is_refused(tmp_path: Path, rows: list, message: str) -> None:
    with pytest.raises(InputError, match=message):
        exported(tmp_path, rows)


def test_files_of_another_format_are_refused(tmp_path: Path) -> None:
    pages, text = write_pages(tmp_path / "p.parquet"), tmp_path / "text.parquet"
    text.write_text("no table")
    with pytest.raises(InputError, match="column 'outcome' is missing"):
        list(instructions(pages, pages, PROMPT, Counts()))
    with pytest.raises(InputError, match=r"text\.parquet is not a Parquet file"):
        list(instructions(text, pages, PROMPT, Counts()))
    queries = write_queries(tmp_path / "q.parquet")
    with pytest.raises(InputError, match="column 'url' is missing"):
        list(instructions(queries, queries, PROMPT, Counts()))
    with pytest.raises(InputError, match=r"text\.parquet is not a Parquet file"):
        list(instructions(queries, text, PROMPT, Counts()))
    pq.write_table(pq.read_table(queries).set_column(0, "page", pa.array(["a"] * 4)), queries)
    with pytest.raises(InputError, match="column 'page' is string: write uint64"):
        list(instructions(queries, pages, PROMPT, Counts()))


def test_a_click_is_satisfied_if_the_reader_stayed(shown: Path) -> None:
    fox, owl, lynx, mice = map(page, (FOX, OWL, LYNX, MICE))
    assert satisfied_pairs(shown, 30) == {(fox, lynx), (owl, lynx)}
    assert satisfied_pairs(shown, 5) == {(fox, lynx), (owl, lynx), (fox, mice)}


def test_the_queries_of_satisfied_clicks_are_those_that_found_the_page(shown: Path, tmp_path: Path) -> None:
    fox, owl, lynx, mice = map(page, (FOX, OWL, LYNX, MICE))
    queries = ["fox food", "arctic fox"]
    row = pack(np.array([mice, lynx], np.uint64), np.array([4.0, 3.0]), np.array([0, 1]), queries)
    other = pack(np.array([mice], np.uint64), np.array([4.0]), np.array([0]), ["owl food"])
    write_table(tmp_path / "qprime.lmdb", [(fox, row), (owl, other)])
    table = LmdbTable(tmp_path / "qprime.lmdb")
    assert satisfied_queries(table, shown, 30) == {fox: frozenset({"arctic fox"})}
    assert satisfied_queries(table, shown, 5) == {fox: frozenset({"arctic fox", "fox food"})}
    table.close()


def test_impressions_without_times_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "impressions.csv"
    path.write_text(f"url1,url2,clicked\n{FOX},{MICE},1\n")
    with pytest.raises(InputError, match="column 'dwell_s' is missing"):
        satisfied_pairs(path, 30)
    with pytest.raises(InputError, match="is not a file"):
        satisfied_pairs(tmp_path / "nothing.csv", 30)
    with pytest.raises(InputError, match="unknown extension"):
        satisfied_pairs(write_pages(tmp_path / "pages.txt"), 30)


def test_a_custom_prompt_has_placeholders_for_a_page(tmp_path: Path) -> None:
    path = tmp_path / "prompt.txt"
    path.write_text("For $$1: $title, $text")
    assert read_prompt(path).fill(PageText("u", "T", "x" * 9_999, "")) == f"For $1: T, {'x' * 3_000}"
    for text, message in (
        ("$text $name", r"contains \$name"),
        ("$text 5$", "without a placeholder"),
        ("$title", r"no placeholder \$text"),
    ):
        path.write_text(text)
        with pytest.raises(SettingsError, match=message):
            read_prompt(path)
