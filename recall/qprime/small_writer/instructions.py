"""Instruction data for a small writer: the queries of a large language model as conversations (section 5.4)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from corpus.schema import InputError
from recall.qprime.build import query_pages
from recall.qprime.queries.written import FAILED, NONE
from recall.qprime.queries.written_by_page import Answer, WrittenQueries, check_columns
from recall.qprime.row import normalized
from recall.qprime.writers.page_prompt import PagePrompt
from recall.qprime.writers.writer import WrittenQuery

NO_QUERY = "N/A"  # the answer for a page that deserves no query
_PAGES = {"page": "uint64", **dict.fromkeys(("url", "title", "snippet", "language", "body"), "string")}


@dataclass(slots=True)
class Counts:
    """Counts of conversations, of those that answer N/A, of queries, and of skipped pages and queries by reason."""

    conversations: int = 0
    none: int = 0
    queries: int = 0
    pages_left_out: Counter[str] = field(default_factory=Counter)
    queries_left_out: Counter[str] = field(default_factory=Counter)


def instructions(
    written: Path,
    pages: Path,
    prompt: PagePrompt,
    counts: Counts,
    clicked: Mapping[int, frozenset[str]] | None = None,
) -> Iterator[bytes]:
    """Yield one conversation per page as a line of JSON, in the order of the pages; updates `counts`.

    `written` has the columns page uint64, outcome ("written", "none" or "failed"), texts list<string> and relevance
    list<float>, from 0 to 1, one row per page: the queries that pass the filters. `pages` is the build's table: page,
    url, title, snippet, language and body. With `clicked`, only those queries of a page are kept (the paper's
    "Enhanced", section 5.5); pages that deserve no query are kept unchanged.
    Raises InputError for files of another kind.
    """
    answers = WrittenQueries(written)
    _check_pages(pages)
    found = 0
    for batch in query_pages(pages):
        for page, answer in zip(batch, answers.of(np.array([page.page for page in batch], np.uint64)), strict=True):
            if answer is None:
                continue
            found += 1
            own = None if clicked is None else clicked.get(page.page, frozenset())
            if (target := _target(answer, own, counts)) is not None:
                counts.conversations += 1
                yield conversation(prompt.fill(page), target)
    counts.pages_left_out["not among the pages"] += len(answers) - found


def conversation(prompt: str, answer: str) -> bytes:
    """Return one line of the chat format: the user's prompt and the assistant's answer."""
    messages = [{"role": "user", "content": prompt}, {"role": "assistant", "content": answer}]
    return orjson.dumps({"messages": messages}) + b"\n"


def answer_text(queries: list[WrittenQuery]) -> str:
    """Return the queries in the format of the prompt: a JSON list of `query` and `relevance`."""
    return orjson.dumps([{"query": query.text, "relevance": round(query.relevance, 2)} for query in queries]).decode()


def _target(answer: Answer, clicked: frozenset[str] | None, counts: Counts) -> str | None:
    """Return the answer that the small writer should learn; None if there is nothing to learn."""
    if answer.outcome == FAILED:
        counts.pages_left_out["not answered"] += 1
        return None
    if answer.outcome == NONE:
        counts.none += 1
        return NO_QUERY
    queries = [query for query in answer.queries if clicked is None or normalized(query.text) in clicked]
    counts.queries_left_out["without a satisfied click"] += len(answer.queries) - len(queries)
    if not queries:  # the model did not answer N/A, so do not train that answer
        counts.pages_left_out["no query passed a filter" if not answer.queries else "no satisfied click"] += 1
        return None
    counts.queries += len(queries)
    return answer_text(queries)


def _check_pages(path: Path) -> None:
    try:
        check_columns(path, _PAGES, pq.read_schema(path))
    except pa.ArrowInvalid as error:
        raise InputError(f"{path} is not a Parquet file: give the pages.parquet that a build read") from error
