"""URL identity: canonical spelling, hostile input, addresses."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpus.urls.url import (
    InvalidURL,
    address_key,
    canonical,
    host,
    host_id,
    main_page_key,
    page_id,
    page_ids,
    path_depth,
    rules_of,
    site,
    site_named,
    url_words,
)
from corpus.urls.url_rules import RULES, UrlRules

hosts = st.from_regex(r"[a-z]{1,8}(\.[a-z]{2,5}){1,2}", fullmatch=True)
web_urls = st.builds(
    lambda scheme, name, path, query, fragment: f"{scheme}://{name}/{path}?{query}#{fragment}",
    st.sampled_from(["http", "https", "HTTPS"]),
    hosts,
    st.text(max_size=40),
    st.text(max_size=40),
    st.text(max_size=20),
)
escapes = st.lists(st.sampled_from([*"%%%%/.?&=#;:~", *"0123456789abcdefABCDEF", "utm_x", "g", "-", "ü"]), max_size=60)
odd_hosts = st.sampled_from(
    ["a.b", "a.b.", "a.b..", ".", "1.2.", "0x7f.1.", "1.2.3.4", "[::1]", "[1:0::2]", "BÜCHER.de.", "xn--."]
)
hostile = st.builds(
    lambda name, port, rest: f"https://{name}{port}/{''.join(rest)}",
    odd_hosts,
    st.sampled_from(["", ":443", ":80", ":8080", ":"]),
    escapes,
)
anything = st.one_of(
    web_urls, hostile, st.text(max_size=200), st.text(string.printable, max_size=60).map("https://".__add__)
)


everywhere = rules_of(["a.b", "1.2.3.4"], ["sess*", "g"])


def canonical_or_none(url: str, rules: UrlRules = RULES) -> str | None:
    try:
        return canonical(url, rules)
    except InvalidURL:
        return None


@given(anything)
def test_canonical_is_idempotent_and_only_raises_invalid_url(url: str) -> None:
    once = canonical_or_none(url)
    if once is not None:
        assert canonical(once) == once


@given(anything)
def test_canonical_is_idempotent_if_fragments_are_pages(url: str) -> None:
    once = canonical_or_none(url, everywhere)
    if once is not None:
        assert canonical(once, everywhere) == once


@given(anything)
def test_every_canonical_url_has_keys_and_words(url: str) -> None:
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
        ("https://example.org./a", "https://example.org/a"),
        ("https://Example.ORG.:443/a", "https://example.org/a"),
        ("https://[2001:DB8:0::1]:443/a", "https://[2001:db8::1]/a"),
        ("https://example.org/caf%c3%a9", "https://example.org/caf%C3%A9"),
        ("https://example.org/café", "https://example.org/caf%C3%A9"),
        ("https://example.org/%7Euser/%2d%5f%2E", "https://example.org/~user/-_."),
        ("https://example.org/lo%61f?n%61me=%62&x=%2f", "https://example.org/loaf?name=b&x=%2F"),
        ("https://example.org/a%2fb%3f%23", "https://example.org/a%2Fb%3F%23"),
        ("https://example.org/a?utm%5Fsource=x&id=3", "https://example.org/a?id=3"),
    ],
)
def test_spellings_of_a_url_have_one_canonical_form(url: str, expected: str) -> None:
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


def test_page_ids_equal_those_of_single_urls_in_order() -> None:
    urls = ["https://example.org/b", "https://example.org/a"]
    assert page_ids(urls).tolist() == [page_id(url) for url in urls]


def test_spellings_of_one_address_share_a_key() -> None:
    spellings = ["http://example.org/a/", "https://www.example.org/A", "https://example.org/a/index.html"]
    assert len({address_key(canonical(url)) for url in spellings}) == 1


def test_fragments_that_differ_in_case_are_different_addresses() -> None:
    library = "https://docs.python.org/3/library/re.html"
    assert address_key(f"{library}#re.Match") != address_key(f"{library}#re.match")


def test_the_words_of_a_url_are_from_path_query_and_fragment() -> None:
    assert url_words("https://en.wikipedia.org/wiki/Red_fox?a=B%20c") == "wiki red fox a b c"
    assert url_words("https://example.org") == ""


@pytest.mark.parametrize(
    "sub_page",
    ["/fox/page/2", "/fox/page2/", "/fox/comments", "/fox?page=3", "/fox?print=1&page=2", "/fox/amp/"],
)
def test_a_page_and_its_sub_pages_share_a_main_page(sub_page: str) -> None:
    assert main_page_key(f"https://a.example{sub_page}") == main_page_key("https://www.a.example/fox")


@pytest.mark.parametrize("other", ["/fox/diet", "/fox?id=2", "/page/fox", "/foxes", "/", "/fox#tail"])
def test_other_longer_paths_are_separate_pages(other: str) -> None:
    assert main_page_key(f"https://a.example{other}") != main_page_key("https://a.example/fox")


@pytest.mark.parametrize("path", ["100%", "%", "%%34", "%4%31", "%zz", "%a%31", "%%%41", "a%2"])
def test_an_invalid_escape_is_left_unchanged(path: str) -> None:
    assert canonical(f"https://example.org/{path}") == f"https://example.org/{path}"


@pytest.mark.parametrize(
    "part", ["/", "/p1", "/page/2", "/amp", "/index.html", "%", "%41", ";jsessionid=", "?", "&", "#"]
)
@pytest.mark.parametrize("ending", ["", "x", "/x?x"])
def test_keys_of_a_long_url_take_linear_time(part: str, ending: str) -> None:
    url = f"https://a.example/{part * 200_000}{ending}"  # in quadratic time this would not finish
    assert all(0 <= key(url) < 2**64 for key in (address_key, main_page_key, host_id))
    assert url_words(url) is not None


@pytest.mark.parametrize("part", ["%", "%4", "%%41", "%4%31", "%41", "/", "&", "&utm_x=1", ":~:", "=&"])
def test_canonicalizing_the_longest_url_takes_linear_time(part: str) -> None:
    path = (part * 1000)[:2000]
    for url in (
        f"https://docs.python.org/{path}",
        f"https://docs.python.org/?{path}",
        f"https://docs.python.org/#{path}",
    ):
        assert canonical(canonical(url)) == canonical(url)


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ("example.org", "example.org"),
        ("Example.ORG.", "example.org"),
        ("https://example.org", "example.org"),
        ("http://example.org:80/", "example.org"),
        ("example.org:443", "example.org"),
        ("example.org:80", "example.org"),
        ("example.org:8080", "example.org:8080"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("localhost", "localhost"),
        ("[::1]:443", "[::1]"),
    ],
)
def test_a_host_may_be_given_in_any_spelling(entry: str, expected: str) -> None:
    assert site_named(entry) == expected


@pytest.mark.parametrize(
    "entry",
    [
        "",
        " ",
        "a/b",
        "https://a.example/b",
        "ftp://a.example",
        "u@a.example",
        "a b",
        "*.a",
        "a?b",
        "a.example,b.example",
    ],
)
def test_an_entry_that_is_not_a_host_is_an_error(entry: str) -> None:
    with pytest.raises(InvalidURL):
        site_named(entry)


def test_words_of_a_url_keep_their_vowel_signs() -> None:
    assert url_words("https://a.example/%E0%A4%B9%E0%A4%BF%E0%A4%A8%E0%A5%8D%E0%A4%A6%E0%A5%80-%C3%89t%C3%A9_1") == (
        "हिन्दी été 1"
    )


@pytest.mark.parametrize(
    ("url", "depth"), [("https://a.example/", 0), ("https://a.example/index.html", 0), ("https://a.example/b/c/?d", 2)]
)
def test_the_depth_of_a_path_tells_hubs_from_articles(url: str, depth: int) -> None:
    assert path_depth(url) == depth
