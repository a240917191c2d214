"""The demo corpus: pages of the standard library, source files as sessions, valid input tables."""

from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from corpus.demo.python_addresses import LIBRARY
from corpus.demo.python_docs import (
    FAMILIAR,
    FAMILIAR_BUILT_IN,
    LONGEST_SESSION,
    Summary,
    sessions_of,
    source_files,
    write,
)
from corpus.demo.python_pages import SNIPPET_LENGTH, summary
from corpus.tables.reader import read
from corpus.urls.url import address_key, canonical

QUEUE = "import heapq\nheapq.heappush(q, 1)\nheapq.heappop(q)\n"
CONFIG = "import json, os\nos.path.join(a, b)\njson.loads(x)\nopen(b)\n"


@pytest.fixture(scope="module")
def roots(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("files")
    for name, code in {
        "queue": QUEUE,
        "copy_of_queue": QUEUE,
        "config": CONFIG,
        "one": "import re\nre.sub(a, b)",
    }.items():
        (root / f"{name}.py").write_text(code)
    return {"mine": root}


@pytest.fixture(scope="module")
def demo(roots: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Summary]:
    out = tmp_path_factory.mktemp("demo")
    return out, write(out, roots=roots)


@pytest.fixture(scope="module")
def addresses(demo: tuple[Path, Summary]) -> dict[str, str]:
    pages = pq.read_table(demo[0] / "pages.parquet").to_pylist()
    return {row["title"]: row["url"].removeprefix(LIBRARY) for row in pages}


def test_the_library_has_thousands_of_pages_with_text(demo: tuple[Path, Summary]) -> None:
    pages = pq.read_table(demo[0] / "pages.parquet").to_pylist()
    assert 5000 < len(pages) == demo[1].pages
    assert all(10 <= len(row["snippet"]) <= SNIPPET_LENGTH for row in pages)
    assert {row["language"] for row in pages} == {"en"}


@pytest.mark.parametrize(
    ("name", "address"),
    [
        ("heapq", "heapq.html"),
        ("heapq.heappush", "heapq.html#heapq.heappush"),
        ("os.path.join", "os.path.html#os.path.join"),
        ("os.listdir", "os.html#os.listdir"),
        ("collections.abc.Mapping", "collections.abc.html#collections.abc.Mapping"),
        ("collections.Counter.most_common", "collections.html#collections.Counter.most_common"),
        ("argparse.ArgumentParser.add_argument", "argparse.html#argparse.ArgumentParser.add_argument"),
        ("asyncio.gather", "asyncio-task.html#asyncio.gather"),
        ("asyncio.Queue.put", "asyncio-queue.html#asyncio.Queue.put"),
        ("importlib.util.find_spec", "importlib.html#importlib.util.find_spec"),
        ("concurrent.futures.ThreadPoolExecutor", "concurrent.futures.html#concurrent.futures.ThreadPoolExecutor"),
        ("print", "functions.html#print"),
        ("open", "functions.html#open"),
        ("str.join", "stdtypes.html#str.join"),
        ("dict", "stdtypes.html#dict"),
        ("ValueError", "exceptions.html#ValueError"),
        ("typing.Optional", "typing.html#typing.Optional"),
    ],
)
def test_a_page_has_the_url_of_the_reference(name: str, address: str, addresses: dict[str, str]) -> None:
    assert addresses[name] == address


def test_every_url_is_canonical_and_has_its_own_address(addresses: dict[str, str]) -> None:
    urls = [LIBRARY + address for address in addresses.values()]
    assert all(canonical(url) == url for url in urls)
    assert len({address_key(url) for url in urls}) == len(urls)


@pytest.mark.parametrize("name", ["this", "antigravity", "idlelib", "test", "os.error", "turtle"])
def test_names_without_their_own_documentation_are_excluded(name: str, addresses: dict[str, str]) -> None:
    assert name not in addresses


def test_each_file_is_a_session_but_copies_are_skipped(demo: tuple[Path, Summary]) -> None:
    clicks = pq.read_table(demo[0] / "clicks.parquet").to_pylist()
    sessions: dict[str, list[str]] = {}
    for row in clicks:
        sessions.setdefault(row["session"], []).append(row["url"].partition("#")[2])
    assert list(sessions.values()) == [["os.path.join", "json.loads", "open"], ["heapq.heappush", "heapq.heappop"]]
    assert [row["time"] for row in clicks[:2]] == sorted(row["time"] for row in clicks[:2])


def test_no_row_of_the_demo_corpus_is_rejected(demo: tuple[Path, Summary], tmp_path: Path) -> None:
    directory, made = demo
    report = read(directory, tmp_path)
    assert {name: part.kept for name, part in report.tables.items()} == {
        "pages": made.pages,
        "clicks": made.visits,
        "impressions": made.impressions,
    }


def test_the_seed_determines_the_output(demo: tuple[Path, Summary], roots: dict[str, Path], tmp_path: Path) -> None:
    write(tmp_path, roots=roots)
    for name in ("pages", "clicks", "impressions"):
        assert (tmp_path / f"{name}.parquet").read_bytes() == (demo[0] / f"{name}.parquet").read_bytes()


def test_common_names_are_down_sampled() -> None:
    many, some = 4_000, 400
    found = {f"f{i}": ["len", *(["json.loads"] if i < some else []), f"a.{i}", f"b.{i}"] for i in range(many)}
    sessions = sessions_of(found, {"len"}, np.random.default_rng(0)).values()
    visits = Counter(page for pages in sessions for page in pages)
    assert visits["len"] == pytest.approx(FAMILIAR_BUILT_IN * many, abs=15)
    assert visits["json.loads"] == pytest.approx(FAMILIAR * many, abs=25)
    assert visits["a.0"] == visits[f"b.{many - 1}"] == 1


def test_sessions_have_at_least_two_pages_and_long_ones_are_cut() -> None:
    found = {"long": [f"a.{i}" for i in range(60)], "copy": [f"a.{i}" for i in range(60)], "short": ["b"]}
    sessions = sessions_of(found, set(), np.random.default_rng(0))
    assert {name: len(pages) for name, pages in sessions.items()} == {"long": LONGEST_SESSION}


def test_a_sample_of_the_files_does_not_depend_on_their_order(roots: dict[str, Path]) -> None:
    some = source_files(roots, 2)
    assert list(some) == sorted(some)
    assert some == source_files(roots, 2)
    assert len(source_files(roots, 100)) == 4


@pytest.mark.parametrize(
    ("doc", "expected"),
    [
        ("product(*iterables, repeat=1) --> product object\n\nCartesian product.", "Cartesian product."),
        ("partial(f, *args) - new function with f applied.\n", "new function with f applied."),
        ("D.pop(k[,d]) -> v, remove the key and return the value.", "v, remove the key and return the value."),
        ("od.clear() -> None.  Remove all items from od.", "Remove all items from od."),
        ("random() -> x in the interval [0, 1).", "x in the interval [0, 1)."),
        ("zip(*its) --> Yield tuples until one ends.\n\n  >>> zip()", "Yield tuples until one ends. >>> zip()"),
        ("int([x]) -> integer\nint(x, base=10) -> integer\n\nConvert a number.", "Convert a number."),
        ("string, format -> new datetime parsed from a string", "new datetime parsed from a string"),
        ("Struct(fmt) --> compiled struct object\n\n", "compiled struct object"),
        ("allocate_lock() -> lock object\n(allocate() is an obsolete synonym)\n\nCreate a lock.", "Create a lock."),
        ("S.index(value) -> integer -- return first index of value.\nRaises.", "return first index of value. Raises."),
        ("Assert(expr test, expr? msg)", "Assert(expr test, expr? msg)"),
        ("Return a dictionary of scheme -> proxy server.", "Return a dictionary of scheme -> proxy server."),
    ],
)
def test_a_summary_contains_nothing_of_a_signature(doc: str, expected: str) -> None:
    assert summary(doc) == expected


def test_a_summary_omits_signature_and_heading_and_is_cut_between_words() -> None:
    assert summary("join(iterable, /)\n--\n\nJoin the strings.") == "Join the strings."
    assert summary("Title\n=====\n\nThe text.") == "The text."
    assert summary("f(a)\nf(a, b)\nDo it.") == "Do it."
    assert summary("word " * 200).endswith("word…")
    assert len(summary("word " * 200)) <= SNIPPET_LENGTH
