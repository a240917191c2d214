"""Makes a large bundle out of a small one, to measure memory, start-up time and throughput.

python benchmarks/large_bundle.py demo/bundles large --pages 100000

Every page is copied under new URLs until there are enough. The neighbours and Q' pages of a copy are in the same copy,
and its last token is unique, so that the cross-encoder does not take two copies for one page. Models are unchanged;
vectors get a little noise, so that the index behaves like a real one. The answers are meaningless.
"""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from corpus.urls.url import address_key, canonical, host_id, page_id, page_ids
from ranking import stored_answers
from ranking.cross_encoder import page_states
from ranking.cross_encoder.pairs import PAGES
from recall import ann
from recall.coclick import row as coclick_row
from recall.popular import build as popular
from recall.qprime import row as qprime_row
from recall.related import row as related_row
from store import answer_row, page_row
from store.addresses import FILE as ADDRESSES
from store.addresses import write_addresses
from store.bundle import MANIFEST, Bundle, bundle_name, open_bundle, publish
from store.tables import LmdbTable, write_table
from text_model.session import OnnxModel
from text_model.tokens import PageTokenizer

_TABLES = ("pages", "coclick", "qprime", "related")
_NOISE = 0.05
_HOSTS = 20  # per copy
_FIRST_WORD = 2_000  # a token id that is a word in every BERT vocabulary


class Copy:
    """One copy of all pages: their new URLs and PageIds."""

    def __init__(self, pages: NDArray[np.uint64], number: int) -> None:
        self.urls = [
            canonical(f"https://host{place % _HOSTS}.copy{number}.example/{page:x}")
            for place, page in enumerate(pages.tolist())
        ]
        self.pages = np.array([page_id(url) for url in self.urls], np.uint64)
        self.number = number
        self._old = pages

    def of(self, old: NDArray[np.uint64]) -> NDArray[np.uint64]:
        """Return the new PageIds of old ones."""
        return self.pages[np.searchsorted(self._old, old)]


def grow(source: Bundle, bundles: Path, count: int) -> str:
    """Publish a bundle of at least `count` pages, copied from `source`; return its name."""
    tables = {name: LmdbTable(source.path / "tables" / f"{name}.lmdb") for name in _TABLES}
    rows = {name: dict(table.items()) for name, table in tables.items()}
    old = np.array(sorted(rows["pages"]), np.uint64)
    copies = [Copy(old, number) for number in range(-(-count // len(old)))]
    building = bundles / "building"
    shutil.copytree(
        source.path,
        building,
        ignore=shutil.ignore_patterns(MANIFEST, "*.lmdb", "pages.*.npy", "*.faiss", "page_states*"),
    )
    indexes = {path: _index(source.path / path, building / path, copies) for path in ("cf", "two_tower", "knowledge")}
    written = {
        "pages": write_table(building / "tables/pages.lmdb", _pages(rows["pages"], copies, old)),
        "coclick": write_table(
            building / "tables/coclick.lmdb", _neighbours(rows["coclick"], coclick_row.read, copies)
        ),
        "related": write_table(
            building / "tables/related.lmdb", _neighbours(rows["related"], related_row.read, copies)
        ),
        "qprime": write_table(building / "tables/qprime.lmdb", _qprime(rows["qprime"], copies)),
        "popular": write_table(building / "tables/popular.lmdb", _popular(building)),
        "addresses": _addresses(building, [url for copy in copies for url in copy.urls]),
        **{path: len(index) for path, index in indexes.items()},
    }
    if stored_answers.FILE in source.manifest.files:
        written["answers"] = write_table(building / stored_answers.FILE, _answers(source, copies))
    _page_states(building, source.manifest.config)
    manifest = source.manifest.model_copy(deep=True)
    manifest.created = datetime.now(UTC)
    manifest.name = bundle_name(manifest.created, f"{source.name} {count}")
    manifest.rows, manifest.search = written, {path: index.setting for path, index in indexes.items()}
    busiest = np.argsort([-int(page_row.read_facts([rows["pages"][page]])[0]["clicks_all"]) for page in old.tolist()])
    manifest.warmup = [copies[0].urls[place] for place in busiest[: len(manifest.warmup)].tolist()]
    publish(building, bundles, manifest)
    return manifest.name


def _pages(rows: dict[int, bytes], copies: list[Copy], old: NDArray[np.uint64]) -> Iterator[tuple[int, bytes]]:
    for copy in copies:
        for page, new, url in zip(old.tolist(), copy.pages.tolist(), copy.urls, strict=True):
            row = rows[page]
            facts = page_row.read_facts([row]).copy()[0]
            tokens, text = page_row.read_tokens(row, facts), page_row.read_text(row)
            facts["page"], facts["host"], facts["address"] = new, host_id(url), address_key(url)
            tokens = np.append(tokens[:-1], _FIRST_WORD + copy.number).astype(np.uint32)[: len(tokens)]
            yield new, page_row.pack(facts, tokens, text._replace(url=url))


def _neighbours(
    rows: dict[int, bytes], read: Callable[[bytes], NDArray[np.void]], copies: list[Copy]
) -> Iterator[tuple[int, bytes]]:
    for copy in copies:
        for page, row in rows.items():
            neighbours = read(row).copy()
            neighbours["page"] = copy.of(neighbours["page"])
            yield int(copy.of(np.array([page], np.uint64))[0]), neighbours.tobytes()


def _qprime(rows: dict[int, bytes], copies: list[Copy]) -> Iterator[tuple[int, bytes]]:
    for copy in copies:
        for page, packed in rows.items():
            row = qprime_row.read(packed)
            moved = qprime_row.pack(copy.of(row.pages), row.quality, row.query, row.queries, row.day)
            yield int(copy.of(np.array([page], np.uint64))[0]), moved


def _answers(source: Bundle, copies: list[Copy]) -> Iterator[tuple[int, bytes]]:
    table, paths = LmdbTable(source.file(stored_answers.FILE)), len(stored_answers.PATHS)
    for page, row in table.items():
        if page == stored_answers.HEAD:
            yield page, row
            continue
        stored = answer_row.read(row, paths)
        for copy in copies:
            new = int(copy.of(np.array([page], np.uint64))[0])
            yield new, answer_row.pack(new, replace(stored, pages=copy.of(stored.pages)))
    table.close()


def _popular(building: Path) -> Iterator[tuple[int, bytes]]:
    pages = LmdbTable(building / "tables/pages.lmdb")
    facts = page_row.read_facts([row for _, row in pages.items()])
    pages.close()
    yield from popular.build(facts["page"], facts["host"], facts["clicks_all"])


def _addresses(building: Path, urls: list[str]) -> int:
    keys = np.array([address_key(url) for url in urls], np.uint64)
    return write_addresses(building / ADDRESSES, keys, page_ids(urls))


def _page_states(building: Path, config: dict[str, Any]) -> None:
    directory = building / "cross_encoder"
    if not (directory / PAGES).is_file():
        return
    pages = LmdbTable(building / "tables/pages.lmdb")
    rows = [row for _, row in pages.items()]
    facts = page_row.read_facts(rows)
    order = np.argsort(-facts["clicks_all"].astype(np.int64), kind="stable").tolist()
    tokens = [page_row.read_tokens(rows[place], facts[place]) for place in order]
    tokenizer = PageTokenizer(building / "tokenizer.json", config["text"]["tokens_per_page"])
    most = int(config["page_states"]["most_mb"] * 1e6)
    model = OnnxModel(directory / PAGES)
    page_states.write(directory, tokens, model, tokenizer.marks, most, lambda done: None)
    pages.close()


def _index(source: Path, target: Path, copies: list[Copy]) -> ann.AnnIndex:
    index = ann.load(source / "pages")
    vectors = index.vectors(np.arange(len(index)))
    new = np.concatenate([copy.of(index.pages) for copy in copies])
    many = np.tile(vectors, (len(copies), 1))
    noise = np.random.default_rng(0).normal(0, _NOISE / many.shape[1] ** 0.5, many.shape)
    grown = ann.build(new, (many + noise).astype(np.float32))
    grown.save(target / "pages")
    if (source / "queries.npy").is_file():
        queries = np.tile(np.load(source / "queries.npy"), (len(copies), 1))
        np.save(target / "queries.npy", queries[np.argsort(new, kind="stable")])
    return grown


def main() -> None:
    """Enlarge the current bundle of a directory, and publish it in another directory."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path)
    parser.add_argument("bundles", type=Path)
    parser.add_argument("--pages", type=int, default=100_000)
    options = parser.parse_args()
    options.bundles.mkdir(parents=True, exist_ok=True)
    print(grow(open_bundle(options.source), options.bundles, options.pages))


if __name__ == "__main__":
    main()
