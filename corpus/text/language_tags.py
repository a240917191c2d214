"""Maps BCP 47 tags to one code per language that its readers understand."""

from __future__ import annotations

import re
from functools import cache

from langcodes import standardize_tag
from langcodes.data_dicts import MACROLANGUAGES

_TAG = re.compile(r"([A-Za-z]{2,3})(?:[-_][A-Za-z0-9]{1,8})*")
_NONE = frozenset({"und", "mul", "zxx", "mis"})  # undetermined, multiple, no linguistic content, uncoded
# Norwegians read both written forms of Norwegian; Filipino is the standard form of Tagalog.
_READ_AS = {"nb": "no", "nn": "no", "fil": "tl"}


class LanguageTagError(ValueError):
    """An invalid language tag; the message names it and the fix."""


def language_of(tag: str) -> str:
    """Return the shortest code, of two or three letters, for a tag's language; '' if it names no single language.

    Region and script are ignored, deprecated and three-letter codes are normalized (`iw` and `heb` become `he`), and a
    language becomes its macrolanguage (`nb` -> `no`, `cmn` and `yue` -> `zh`, `arz` -> `ar`) unless it has its own
    two-letter code: `sr` and `hr`, `id` and `ms` stay distinct. Raises LanguageTagError.
    """
    if not tag:
        return ""
    found = _TAG.fullmatch(tag)
    if found is None:
        raise LanguageTagError(f"{tag[:40]!r} is not a language tag: use one such as en, pt-BR or zh-Hans")
    return _code(found[1].lower())


@cache  # at most 18,252 entries: codes of two and three letters
def _code(letters: str) -> str:
    code = standardize_tag(letters, macro=True).partition("-")[0]
    if len(code) == 3:
        code = MACROLANGUAGES.get(code, code)
    return "" if code in _NONE else _READ_AS.get(code, code)
