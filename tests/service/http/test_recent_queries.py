from __future__ import annotations

from dataclasses import replace
from urllib.parse import quote

from service.http.recent_queries import RecentQueries
from tests.service.conftest import URLS


def query(url: str) -> bytes:
    return b"url1=%b&k=3" % quote(url, safe="").encode()


def test_a_repeated_query_string_is_not_read_again(make) -> None:
    queries = RecentQueries(make().gateway.live)
    first = queries.read(query(URLS[0]))
    assert first is not None and (first.request.url1, first.request.k) == (URLS[0], 3)
    assert queries.read(query(URLS[0])) is first


def test_the_oldest_go_when_the_bytes_are_used_up(make) -> None:
    queries = RecentQueries(make().gateway.live, most_bytes=5_000)
    first = queries.read(query(URLS[0]))
    for url in URLS:
        queries.read(query(url))
        assert queries.kept_bytes <= 5_000
    again = queries.read(query(URLS[0]))
    assert again == first and again is not first


def test_long_query_strings_are_not_kept(make) -> None:
    queries = RecentQueries(make().gateway.live)
    queries.read(query("https://elsewhere.example/" + "x" * 1_000))
    assert queries.kept_bytes == 0


def test_what_was_read_for_one_bundle_is_dropped_with_it(make) -> None:
    live = make().gateway.live
    queries = RecentQueries(live)
    queries.read(query(URLS[0]))
    with live.leased():  # the other bundle shares the tables of this one
        live.swap(replace(live.bundle, name="other"))
        found = queries.read(query(URLS[1]))
    assert found is not None and found.bundle == "other"
    assert len(queries._kept) == 1
