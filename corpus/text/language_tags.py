"""Languages as BCP 47 tags name them: what readers of one language can read goes by one code."""

from __future__ import annotations

import re
from functools import cache

from langcodes import standardize_tag
from langcodes.data_dicts import MACROLANGUAGES

_TAG = re.compile(r"([A-Za-z]{2,3})(?:[-_][A-Za-z0-9]{1,8})*")
_NONE = frozenset({"und", "mul", "zxx", "mis"})  # unknown, several, none, not coded
# Both written forms of Norwegian are read by all; Filipino is the standard form of Tagalog.
_READ_AS = {"nb": "no", "nn": "no", "fil": "tl"}


class LanguageTagError(ValueError):
    """What is no language tag; the message names it and the fix."""


def language_of(tag: str) -> str:
    """Return the code of a tag's language in two or three letters, the shortest there is; '' for no certain language.

    Region and script are passed over, old codes and three-letter codes are made the usual ones (`iw` and `heb` are
    `he`), and a language is its macrolanguage (`nb` is `no`, `cmn` and `yue` are `zh`, `arz` is `ar`) unless it has a
    two-letter code of its own: `sr` and `hr`, `id` and `ms` stay apart. Raises LanguageTagError.
    """
    if not tag:
        return ""
    found = _TAG.fullmatch(tag)
    if found is None:
        raise LanguageTagError(f"{tag[:40]!r} is no language tag: write one such as en, pt-BR or zh-Hans")
    return _code(found[1].lower())


@cache  # of two and three letters: at most 18,252
def _code(letters: str) -> str:
    code = standardize_tag(letters, macro=True).partition("-")[0]
    if len(code) == 3:
        code = MACROLANGUAGES.get(code, code)
    return "" if code in _NONE else _READ_AS.get(code, code)
