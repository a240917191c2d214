from __future__ import annotations

import pytest

from corpus.urls.host_pattern import host_pattern
from corpus.urls.url import InvalidURL


@pytest.mark.parametrize(
    ("entry", "site", "below"),
    [
        ("example.org", "example.org", False),
        (" WWW.Example.org. ", "example.org", False),
        ("*.example.org", "example.org", True),
        (".example.org", "example.org", True),
        ("*.example.org:8080", "example.org:8080", True),
    ],
)
def test_a_host_is_read_in_any_spelling_with_or_without_the_hosts_below_it(entry: str, site: str, below: bool) -> None:
    assert host_pattern(entry) == (site, below)


@pytest.mark.parametrize("entry", ["", "*", "*.", ".", "*example.org", "https://example.org/page"])
def test_the_error_names_an_entry_that_is_not_a_host(entry: str) -> None:
    with pytest.raises(InvalidURL) as caught:
        host_pattern(entry)
    assert repr(entry) in str(caught.value)
