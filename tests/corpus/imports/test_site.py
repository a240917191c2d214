"""Sitemaps, HTML and crawls: addresses, text, languages, copies."""

from __future__ import annotations

import gzip
import random
from itertools import pairwise
from pathlib import Path
from string import ascii_lowercase

import pytest

from corpus.imports.run import Options
from corpus.schema import InputError
from tests.corpus.imports import exports
from tests.corpus.imports.conftest import Import
from tests.corpus.imports.exports import SITE, entry, html_page, sitemap, warc_response, write_warc

TEXT = "Mehl, Wasser und Salz reichen für einen Sauerteig, der eine Woche lang gefüttert wird und dann treibt."


def canonical(url: str) -> str:
    return f'<link rel="canonical" href="{url}">'


def alternate(language: str, url: str) -> str:
    return f'<link rel="alternate" hreflang="{language}" href="{url}">'


def test_sitemap_with_extensions(imported: Import, tmp_path: Path) -> None:
    file = tmp_path / "sitemap.xml.gz"
    image = "<image:image><image:loc>https://x.example/i.png</image:loc></image:image>"
    link = '<xhtml:link rel="alternate" hreflang="{}" href="{}/{}/b"/>'
    xml = sitemap(
        [
            entry("/a", f"<lastmod>2026-04-30T10:00:00+02:00</lastmod>{image}"),
            entry("/de/b", "".join(link.format(code, SITE, code) for code in ("en", "de"))),
            entry("/news", "<news:news><news:publication_date>2026-05-01</news:publication_date></news:news>"),
        ]
    )  # fmt: skip
    file.write_bytes(gzip.compress(xml.encode()))
    pages = imported("sitemap", file).pages
    assert pages[f"{SITE}/a"]["published"].isoformat() == "2026-04-30T08:00:00+00:00"
    assert pages[f"{SITE}/de/b"]["language"] == "de"
    assert pages[f"{SITE}/news"]["published"].day == 1
    assert pages[f"{SITE}/a"]["title"] == "a"


def test_index_names_the_sitemaps_to_give(imported: Import, tmp_path: Path) -> None:
    index = '<sitemapindex xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"><sitemap><loc>https://x.example/1.xml</loc></sitemap></sitemapindex>'
    (tmp_path / "maps").mkdir()
    (tmp_path / "maps" / "sitemap.xml").write_text(index)
    (tmp_path / "maps" / "sitemap-1.xml").write_text(sitemap([entry("/a")]))
    found = imported("sitemap", tmp_path / "maps")
    assert set(found.pages) == {f"{SITE}/a"}
    assert found.left_out == {"another sitemap: give its file too": 1}


@pytest.mark.parametrize("place", ["www.brot.example/a/index.html", "www.brot.example/a.html", "a/index.html", "a"])
def test_html_directory(imported: Import, tmp_path: Path, place: str) -> None:
    (tmp_path / "sitemap.xml").write_text(sitemap([entry("/a"), entry("/b")]))
    file = tmp_path / "html" / place
    file.parent.mkdir(parents=True)
    file.write_text(html_page("Sauerteig", TEXT), "utf-8")
    found = imported("sitemap", tmp_path / "sitemap.xml", options=Options(html=tmp_path / "html"))
    page = found.pages[f"{SITE}/a"]
    assert (page["title"], page["language"]) == ("Sauerteig", "de")
    assert page["snippet"].startswith("Sauerteig: Mehl")
    assert "gefüttert" in page["body"]
    assert found.report.ledger.left_out["no HTML in the directory: only its address is kept"] == 1


def test_no_file_above_the_directory_is_read(imported: Import, tmp_path: Path) -> None:
    (tmp_path / "secret.html").write_text(html_page("Geheim", TEXT))
    (tmp_path / "html").mkdir()
    (tmp_path / "html" / "link.html").symlink_to(tmp_path / "secret.html")
    (tmp_path / "sitemap.xml").write_text(sitemap([entry("/%2e%2e/secret"), entry("/..%2fsecret"), entry("/link")]))
    found = imported("sitemap", tmp_path / "sitemap.xml", options=Options(html=tmp_path / "html"))
    assert "Geheim" not in [page["title"] for page in found.pages.values()]


def test_a_redirect_to_no_address_costs_no_later_page(imported: Import, tmp_path: Path) -> None:
    records = [
        warc_response(f"{SITE}/a", b"", status="301 Moved Permanently", Location="http://[broken"),
        warc_response(f"{SITE}/b", html_page("Teig", TEXT).encode()),
    ]
    found = imported("warc", write_warc(tmp_path / "c.warc", records))
    assert list(found.pages) == [f"{SITE}/b"]


def test_warc_of_many_kinds(imported: Import, tmp_path: Path) -> None:
    page = html_page("Sauerteig", TEXT)
    chunk, latin1 = page.encode(), "text/html; charset=ISO-8859-1"
    undeclared = page.replace('<meta charset="utf-8">', "")
    hidden = html_page("Suche", TEXT, '<meta name="ROBOTS" content="NOINDEX, follow">')
    records = [
        warc_response(f"{SITE}/utf8", page.encode()),
        warc_response(f"{SITE}/latin1", page.replace("utf-8", "iso-8859-1").encode("latin-1"), "text/html"),
        warc_response(f"{SITE}/header", undeclared.encode("latin-1"), latin1),
        warc_response(f"{SITE}/silent", undeclared.encode("cp1252"), "text/html"),
        warc_response(f"{SITE}/gzip", gzip.compress(chunk), Content_Encoding="gzip"),
        warc_response(f"{SITE}/chunked", b"%x\r\n%b\r\n0\r\n\r\n" % (len(chunk), chunk), Transfer_Encoding="chunked"),
        warc_response(f"{SITE}/gone", b"gone", status="404 Not Found"),
        warc_response(f"{SITE}/picture", b"\x89PNG", "image/png"),
        warc_response(f"{SITE}/hidden", hidden.encode()),
        warc_response(f"{SITE}/private", page.encode(), X_Robots_Tag="noindex"),
    ]  # fmt: skip
    found = imported("warc", write_warc(tmp_path / "crawl.warc.gz", records))
    assert {url.rpartition("/")[2] for url in found.pages} == {"utf8", "latin1", "header", "silent", "gzip", "chunked"}
    assert all("gefüttert" in page["body"] for page in found.pages.values())
    assert found.left_out == {
        "status 404": 1,
        "not HTML": 1,
        "noindex: the site does not want it found": 2,
    }


@pytest.mark.parametrize("ending", ["", ".gz"])
@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b"no gzip at all, whatever the header says", {"Content_Encoding": "gzip"}),
        (gzip.compress(html_page("Sauerteig", TEXT * 50).encode())[:90], {"Content_Encoding": "gzip"}),
        (gzip.compress(b"x" * 5000)[:20] + b"\xff" * 30, {"Content_Encoding": "gzip"}),
        (b"no deflate", {"Content_Encoding": "deflate"}),
        (b"no brotli \xff\xff\xff", {"Content_Encoding": "br"}),
        (b"zz\r\nnot a length\r\n0\r\n\r\n", {"Transfer_Encoding": "chunked"}),
        (b"-5\r\nhello\r\n", {"Transfer_Encoding": "chunked"}),
        (b"ffffffffffffffffff\r\nhello\r\n", {"Transfer_Encoding": "chunked"}),
        (b"x", {"X_Long": "y" * 100_000}),
    ],
    ids=[
        "no gzip",
        "cut gzip",
        "broken gzip",
        "no deflate",
        "no brotli",
        "no chunks",
        "negative",
        "huge",
        "long header",
    ],
)
def test_a_damaged_response_costs_no_other_response(
    imported: Import, tmp_path: Path, body: bytes, headers: dict[str, str], ending: str
) -> None:
    page = html_page("Sauerteig", TEXT).encode()
    records = [
        warc_response(f"{SITE}/before", page),
        warc_response(f"{SITE}/damaged", body, **headers),
        *(warc_response(f"{SITE}/after/{number}", page) for number in range(3)),
    ]
    found = imported("warc", write_warc(tmp_path / f"crawl.warc{ending}", records))
    assert set(found.pages) == {f"{SITE}/{name}" for name in ("before", "after/0", "after/1", "after/2")}
    assert found.report.ledger.unread == []
    ((reason, count),) = found.left_out.items()
    assert count == 1
    assert found.report.ledger.examples[reason].startswith(f"crawl.warc{ending}, response 2")


def test_a_large_compressed_response_is_read_to_the_limit(imported: Import, tmp_path: Path) -> None:
    rest = random.Random(1).randbytes(3 << 20).hex().encode()
    body = gzip.compress(html_page("Sauerteig", TEXT).encode() + rest, 1)
    records = [
        warc_response(f"{SITE}/large", body, Content_Encoding="gzip"),
        warc_response(f"{SITE}/b", b"<title>B</title>"),
    ]
    found = imported("warc", write_warc(tmp_path / "crawl.warc", records))
    assert set(found.pages) == {f"{SITE}/large", f"{SITE}/b"}


def test_canonical_links_and_redirects_fold_copies_onto_one_address(imported: Import, tmp_path: Path) -> None:
    target = f"{SITE}/rezepte/sauerteig"
    records = [
        warc_response(f"{SITE}/druck?id=7", html_page("Sauerteig", TEXT, canonical(target)).encode()),
        warc_response(f"{SITE}/rezepte/sauerteig", html_page("Sauerteig", TEXT, canonical(target)).encode()),
        warc_response(f"{SITE}/alt", b"", status="301 Moved Permanently", Location="/druck?id=7"),
    ]
    imported("warc", write_warc(tmp_path / "crawl.warc", records))
    log = [exports.Seen("anna", 1, 0, "/alt", "Sauerteig"), exports.Seen("anna", 1, 9, "/druck?id=7", "Sauerteig")]
    found = imported("ga4", exports.write_ga4_json(tmp_path / "e.json.gz", exports.ga4_events(log)))
    assert set(found.pages) == {target}
    assert {row["url"] for row in found.clicks} == {target}
    assert found.report.tables.folded == 2


def test_a_page_seen_only_under_another_address_gets_its_canonical_one(imported: Import, tmp_path: Path) -> None:
    page = html_page("Sauerteig", TEXT, canonical("/rezepte/sauerteig"))
    found = imported("warc", write_warc(tmp_path / "c.warc", [warc_response(f"{SITE}/druck?id=7", page.encode())]))
    assert set(found.pages) == {f"{SITE}/rezepte/sauerteig"}


def test_translations_are_no_copies(imported: Import, tmp_path: Path) -> None:
    german, english = f"{SITE}/de/teig", f"{SITE}/en/dough"
    both = alternate("de", german) + alternate("en-GB", english)
    records = [
        warc_response(german, html_page("Teig", TEXT, both + canonical(english)).encode()),
        warc_response(english, html_page("Dough", "Flour, water and salt are enough. " * 5, both, "").encode()),
    ]
    pages = imported("warc", write_warc(tmp_path / "c.warc", records)).pages
    assert {url: page["language"] for url, page in pages.items()} == {german: "de", english: "en-GB"}


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        (f"{SITE}/", "canonical link or redirect to the home page"),
        ("https://other.example/a", "canonical link or redirect to another site"),
        ("mailto:a@b.example", "canonical link or redirect to no address"),
    ],
)
def test_canonical_links_that_are_not_followed(imported: Import, tmp_path: Path, target: str, reason: str) -> None:
    record = warc_response(f"{SITE}/a", html_page("Sauerteig", TEXT, canonical(target)).encode())
    found = imported("warc", write_warc(tmp_path / "c.warc", [record]))
    assert set(found.pages) == {f"{SITE}/a"}
    assert found.left_out == {reason: 1}


def test_redirects_in_a_circle_lead_nowhere(imported: Import, tmp_path: Path) -> None:
    moved = "301 Moved Permanently"
    records = [
        warc_response(f"{SITE}/a", b"", status=moved, Location="/b"),
        warc_response(f"{SITE}/b", b"", status=moved, Location="/a"),
        warc_response(f"{SITE}/c", html_page("Teig", TEXT).encode()),
    ]
    found = imported("warc", write_warc(tmp_path / "c.warc", records))
    assert set(found.pages) == {f"{SITE}/c"}
    assert found.report.tables.folded == 0


def test_text_of_a_crawl_dates_of_a_sitemap_and_titles_of_a_log_join(imported: Import, tmp_path: Path) -> None:
    (tmp_path / "sitemap.xml").write_text(sitemap([entry("/a/", "<lastmod>2026-04-30</lastmod>"), entry("/b")]))
    imported("warc", write_warc(tmp_path / "c.warc", [warc_response(f"{SITE}/a", html_page("Teig", TEXT).encode())]))
    imported("sitemap", tmp_path / "sitemap.xml")
    log = [
        exports.Seen("anna", 1, at, path, path.strip("/") + " title") for at, path in enumerate(["/a/", "/b", "/tag"])
    ]
    file = exports.write_ga4_json(tmp_path / "e.json.gz", exports.ga4_events(log))
    found = imported("ga4", file)
    assert {url: page["title"] for url, page in found.pages.items()} == {
        f"{SITE}/a": "Teig",
        f"{SITE}/b": "b title",
        f"{SITE}/tag": "tag title",
    }
    assert found.report.tables.only_in_log == 1
    listed = imported("ga4", file, options=Options(only_listed=True))
    assert set(listed.pages) == {f"{SITE}/a", f"{SITE}/b"}


BOMB = """<?xml version="1.0"?><!DOCTYPE urlset [<!ENTITY a "aaaaaaaaaa">{}]>
<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"><url><loc>https://x.example/&z;</loc></url></urlset>"""


@pytest.mark.parametrize(
    "entities",
    [
        "".join(f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in pairwise(ascii_lowercase)),
        '<!ENTITY z SYSTEM "file:///etc/passwd">',
    ],
)  # fmt: skip
def test_entities_are_refused(imported: Import, tmp_path: Path, entities: str) -> None:
    (tmp_path / "sitemap.xml").write_text(BOMB.format(entities))
    with pytest.raises(InputError, match="DOCTYPE"):
        imported("sitemap", tmp_path / "sitemap.xml")


def test_a_sitemap_that_breaks_keeps_what_came_before(imported: Import, tmp_path: Path) -> None:
    (tmp_path / "sitemap.xml").write_text(sitemap([entry("/a"), entry("/b")]).partition("</urlset>")[0] + "<url><lo")
    found = imported("sitemap", tmp_path / "sitemap.xml")
    assert set(found.pages) == {f"{SITE}/a", f"{SITE}/b"}
    assert list(found.left_out) == ["malformed: the XML breaks here, and the rest is not read"]
