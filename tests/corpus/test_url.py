"""URL identity: canonical spelling, hostile input, addresses."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpus.url import InvalidURL, address_key, canonical, host, host_id, page_id, page_ids, site, trunk_key, url_words

hosts = st.from_regex(r"[a-z]{1,8}(\.[a-z]{2,5}){1,2}", fullmatch=True)
web_urls = st.builds(
    lambda scheme, name, path, query, fragment: f"{scheme}://{name}/{path}?{query}#{fragment}",
    st.sampled_from(["http", "https", "HTTPS"]),
    hosts,
    st.text(max_size=40),
    st.text(max_size=40),
    st.text(max_size=20),
)
anything = st.one_of(web_urls, st.text(max_size=200), st.text(string.printable, max_size=60).map("https://".__add__))


def canonical_or_none(url: str) -> str | None:
    try:
        return canonical(url)
    except InvalidURL:
        return None


@given(anything)
def test_canonical_is_idempotent_and_raises_nothing_but_invalid_url(url: str) -> None:
    once = canonical_or_none(url)
    if once is not None:
        assert canonical(once) == once


@given(anything)
def test_every_canonical_url_can_be_keyed_and_put_into_words(url: str) -> None:
    once = canonical_or_none(url)
    if once is not None:
        assert 0 <= page_id(once) < 2**64
        assert 0 <= address_key(once) < 2**64
        assert host_id(once) == host_id(once)
        assert host(once).endswith(site(once))
        once.encode("utf-8")
        url_words(once).encode("utf-8", "surrogatepass")


@given(hosts, st.lists(st.sampled_from(["utm_source=x", "gclid=1", "a=1", "b=2", "FBCLID=z", "utm_=", "fbclid"])))
def test_tracking_parameters_are_dropped_and_others_keep_their_order(name: str, pairs: list[str]) -> None:
    kept = [pair for pair in pairs if pair in ("a=1", "b=2")]
    expected = f"https://{name}/p" + ("?" + "&".join(kept) if kept else "")
    assert canonical(f"https://{name}/p?{'&'.join(pairs)}") == expected


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("HTTP://Example.ORG:80/a/../b", "http://example.org/b"),
        ("https://user:secret@example.org", "https://example.org/"),
        ("https://bücher.example/ü", "https://xn--bcher-kva.example/%C3%BC"),
        ("https://example.org/a#part", "https://example.org/a"),
        ("https://docs.python.org/3/library/re.html#re.Match", "https://docs.python.org/3/library/re.html#re.Match"),
        ("https://docs.python.org/3/#", "https://docs.python.org/3/"),
        ("  https://example.org/a \n", "https://example.org/a"),
        ("https://example.org:443/?", "https://example.org/"),
        ("https:\\\\example.org\\a", "https://example.org/a"),
    ],
)
def test_one_page_has_one_spelling(url: str, expected: str) -> None:
    assert canonical(url) == expected


@pytest.mark.parametrize(
    "url",
    [
        "",
        "   ",
        "example.org/a",
        "/a",
        "ftp://example.org/a",
        "javascript:alert(1)",
        "data:text/html,x",
        "file:///etc/passwd",
        "http://",
        "https://exa mple.org/",
        "https://example.org/\x00",
        "https://example.org/a\nb",
        "https://[::1",
        "https://example.org:99999/",
        "https://example.org/" + "a" * 3000,
        "https://example.org/" + "ü" * 1000,
        "https://" + "a." * 3000 + "org",
        "https://\ud800.org/",
    ],
)
def test_hostile_input_is_an_invalid_url(url: str) -> None:
    with pytest.raises(InvalidURL) as error:
        canonical(url)
    assert len(str(error.value)) < 200


def test_page_ids_are_those_of_the_single_urls_in_order() -> None:
    urls = ["https://example.org/b", "https://example.org/a"]
    assert page_ids(urls).tolist() == [page_id(url) for url in urls]


def test_spellings_of_one_address_share_a_key() -> None:
    spellings = ["http://example.org/a/", "https://www.example.org/A", "https://example.org/a/index.html"]
    assert len({address_key(canonical(url)) for url in spellings}) == 1


def test_fragments_that_differ_in_case_are_different_addresses() -> None:
    library = "https://docs.python.org/3/library/re.html"
    assert address_key(f"{library}#re.Match") != address_key(f"{library}#re.match")


def test_words_of_a_url_are_those_of_path_query_and_fragment() -> None:
    assert url_words("https://en.wikipedia.org/wiki/Red_fox?a=B%20c") == "wiki red fox a b c"
    assert url_words("https://example.org") == ""


@pytest.mark.parametrize(
    "sub_page",
    ["/fox/page/2", "/fox/page2/", "/fox/comments", "/fox?page=3", "/fox?print=1&page=2", "/fox/amp/"],
)
def test_a_page_and_its_sub_pages_share_a_trunk(sub_page: str) -> None:
    assert trunk_key(f"https://a.example{sub_page}") == trunk_key("https://www.a.example/fox")


@pytest.mark.parametrize("other", ["/fox/diet", "/fox?id=2", "/page/fox", "/foxes", "/", "/fox#tail"])
def test_a_path_that_only_goes_on_is_a_page_of_its_own(other: str) -> None:
    assert trunk_key(f"https://a.example{other}") != trunk_key("https://a.example/fox")


def test_words_of_an_address_keep_their_vowel_signs() -> None:
    assert url_words("https://a.example/%E0%A4%B9%E0%A4%BF%E0%A4%A8%E0%A5%8D%E0%A4%A6%E0%A5%80-%C3%89t%C3%A9_1") == (
        "हिन्दी été 1"
    )
