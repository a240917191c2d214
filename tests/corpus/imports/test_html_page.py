"""Hostile and odd HTML: a page or a reason, in bounded time."""

from __future__ import annotations

import time

import pytest

from corpus.imports.html_page import records_of_page
from corpus.imports.records import LeftOut, Page

URL = "https://x.example/a"
HOSTILE = {
    "nested": b"<html><title>T</title>" + b"<div>" * 50_000 + b"text",
    "attributes": b"<title>T</title><p " + b" ".join(b"a%d=1" % i for i in range(100_000)) + b">x",
    "rows": b"<title>T</title><table>" + b"<tr><td>a</td><td>b</td></tr>" * 60_000,
    "links": b"<title>T</title>" + b"<a href='/x'>link text here</a> " * 60_000,
    "open tags": b"<title>T</title>" + b"<" * (1 << 20),
    "brackets": b'<title>T</title><script type="application/ld+json">{"a":' + b"[" * 100_000 + b"</script><p>text",
    "dates": b"<title>T</title><meta property='article:published_time' content='9999-99-99'>"
    + b"<p>2020-01-01 " * 9_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_pages_take_bounded_time(name: str) -> None:
    start = time.process_time()
    assert len(list(records_of_page(URL, HOSTILE[name]))) == 1
    assert time.process_time() - start < 10


@pytest.mark.parametrize("data", [b"", b"\0" * 1000, b"   ", b"<!-- -->"])
def test_no_html(data: bytes) -> None:
    (record,) = records_of_page(URL, data)
    assert isinstance(record, LeftOut)


@pytest.mark.parametrize(
    ("data", "content_type", "title"),
    [
        ("<title>Über</title>".encode("utf-16"), None, "Über"),
        ("<title>Über</title>".encode("cp1252"), "text/html; charset=no-such", "Über"),
        ('<?xml version="1.0" encoding="iso-8859-1"?><html><title>Über</title></html>'.encode("latin-1"), None, "Über"),
        ("<title>Привет, мир</title>".encode("koi8-r"), "text/html; charset=koi8-r", "Привет, мир"),
        (b"<title>Tom &amp; Jerry\n  &#39;s</title>", None, "Tom & Jerry 's"),
    ],
)
def test_encodings(data: bytes, content_type: str | None, title: str) -> None:
    (record,) = records_of_page(URL, data, content_type)
    assert isinstance(record, Page)
    assert record.title == title


def test_a_page_without_html_and_body_tags_is_a_page() -> None:
    data = b"<title>T</title><article>" + b"<p>Some words that make a sentence, really, and then go on.</p>" * 20
    (record,) = records_of_page(URL, data)
    assert isinstance(record, Page)
    assert "Some words" in record.body
