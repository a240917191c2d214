"""Undoes the HTML escaping that exports leave in text and URLs."""

from __future__ import annotations

import html
import re
from html.entities import html5

# Only entities that end in `;`: otherwise `?a=1&copy=2` and `cut&copy` would get a copyright sign.
_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")


def unescaped(text: str) -> str:
    """Return text with its entities decoded once: `Tom &amp; Jerry&#39;s` becomes `Tom & Jerry's`."""
    return _ENTITY.sub(_character, text) if "&" in text else text


def _character(entity: re.Match[str]) -> str:
    text = entity[0]
    return html.unescape(text) if text[1] == "#" else html5.get(text[1:], text)
