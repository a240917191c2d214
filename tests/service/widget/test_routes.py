from __future__ import annotations

import gzip
from html.parser import HTMLParser

import httpx
import pytest

from service.admission.api_keys import ApiKeys
from service.admission.authorize import Authorizer
from service.answers.answer import Answer, Recommendation
from service.widget.fragment import fragment
from tests.service.conftest import URLS

MOST_BYTES = 3072


@pytest.fixture
async def client(feedback, served):
    async with served(feedback().gateway) as server, httpx.AsyncClient(base_url=server.http) as client:
        yield client


class Read(HTMLParser):
    """The elements and the text of a fragment."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.links: list[dict[str, str | None]] = []
        self.text: list[str] = []
        self.tags: set[str] = set()
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        if tag == "a":
            self.links.append(dict(attrs))

    def handle_data(self, data: str) -> None:
        self.text.append(data)


async def test_the_script_takes_3_kb_gzipped(client) -> None:
    raw = await client.send(client.build_request("GET", "/widget.js"), stream=True)
    body = b"".join([part async for part in raw.aiter_raw()])
    assert raw.headers["content-encoding"] == "gzip"
    assert len(body) <= MOST_BYTES
    plain = await client.get("/widget.js", headers={"accept-encoding": "gzip;q=0, br"})
    assert "content-encoding" not in plain.headers
    assert plain.content == gzip.decompress(body)
    assert b"{css}" not in plain.content


@pytest.mark.parametrize("path", ["/widget.js", "/widget.css"])
async def test_its_files_may_be_kept_and_are_asked_for_by_their_tag(client, path) -> None:
    file = await client.get(path)
    assert file.headers["cache-control"].startswith("public, max-age=3600")
    assert (file.headers["vary"], file.headers["x-content-type-options"]) == ("Accept-Encoding", "nosniff")
    for tag in (file.headers["etag"], f"W/{file.headers['etag']}", f'"other", {file.headers["etag"]}'):
        same = await client.get(path, headers={"if-none-match": tag})
        assert (same.status_code, same.content) == (304, b"")
    plain = await client.get(path, headers={"accept-encoding": "identity"})
    assert plain.headers["etag"] != file.headers["etag"]


async def test_a_fragment_has_the_pages_of_the_answer(client) -> None:
    answer = (await client.get("/recommend", params={"url1": URLS[0], "k": 3})).json()
    html = await client.get("/fragment", params={"url1": URLS[0], "k": 3})
    assert html.headers["content-type"] == "text/html; charset=utf-8"
    assert html.headers["content-security-policy"] == "default-src 'none'"
    links = Read(html.text).links
    assert [link["href"] for link in links] == [page["url"] for page in answer["recommendations"]]
    assert [link["data-place"] for link in links] == ["1", "2", "3"]
    assert f'data-answer="{answer["answer_id"]}"' in html.text


async def test_a_fragment_is_cached_like_its_answer(client) -> None:
    answer, html = [await client.get(path, params={"url1": URLS[0]}) for path in ("/recommend", "/fragment")]
    assert html.headers["cache-control"] == answer.headers["cache-control"]
    again = await client.get("/fragment", params={"url1": URLS[0]}, headers={"if-none-match": html.headers["etag"]})
    assert (again.status_code, again.headers["etag"]) == (304, html.headers["etag"])


@pytest.mark.parametrize(
    ("query", "field"),
    [({}, "url1"), ({"url1": "nowhere"}, "url1"), ({"url1": URLS[0], "k": 0}, "k"),
     ({"url1": URLS[0], "explain": "true"}, "explain"), ({"url1": URLS[0], "heading": "x" * 101}, "heading")],
)  # fmt: skip
async def test_a_bad_query_names_its_field(client, query, field) -> None:
    refused = await client.get("/fragment", params=query)
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["field"] == field


def test_titles_are_escaped_and_only_the_web_is_linked() -> None:
    def page(url: str, title: str) -> Recommendation:
        return Recommendation(url, title, "<script>x</script>", None, None, None, ())

    pages = (
        page("javascript:alert(1)", "a"),
        page('https://a.example/"x', '<b title="q">'),
        page("https://a.example/y", ""),
    )
    read = Read(html := fragment(Answer.of("https://a.example/", pages, (), "bundle"), "</h2><i>"))
    assert [link["href"] for link in read.links] == ['https://a.example/"x', "https://a.example/y"]
    assert [link["data-place"] for link in read.links] == ["2", "3"]
    assert not read.tags & {"b", "i", "script"}
    assert {'<b title="q">', "https://a.example/y", "</h2><i>"} <= set(read.text)
    assert 'data-answer=""' in html


def test_an_empty_answer_is_a_hidden_section() -> None:
    assert " hidden>" in fragment(Answer.of("https://a.example/", (), (), "bundle"), "Read next")


async def test_where_keys_are_needed_only_the_files_are_open(feedback, served, tmp_path) -> None:
    (tmp_path / "keys").write_text("site secret-key\n")
    small = feedback()
    small.gateway.authorizer = Authorizer(ApiKeys(tmp_path / "keys"))
    query = {"params": {"url1": URLS[0]}}
    async with served(small.gateway) as server, httpx.AsyncClient(base_url=server.http) as client:
        open_ = [(await client.get(path)).status_code for path in ("/widget.js", "/widget.css")]
        assert open_ == [200, 200]
        assert (await client.get("/fragment", **query)).status_code == 401
        html = await client.get("/fragment", **query, headers={"x-api-key": "secret-key"})
    assert html.status_code == 200
    assert html.headers["cache-control"].startswith("private")
