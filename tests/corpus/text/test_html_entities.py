"""HTML entities in text and URLs."""

import pytest

from corpus.text.html_entities import unescaped


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("Tom &amp; Jerry&#39;s", "Tom & Jerry's"),
        ("&amp;amp; &lt;b&gt; &#x27;&eacute;&nbsp;", "&amp; <b> 'é\u00a0"),
        ("?a=1&amp;b=2", "?a=1&b=2"),
        ("?a=1&copy=2&lt=3", "?a=1&copy=2&lt=3"),
        ("R&D; AT&T &notit; cut&copy", "R&D; AT&T &notit; cut&copy"),
    ],
)
def test_complete_entities_are_decoded_once(text: str, plain: str) -> None:
    assert unescaped(text) == plain
