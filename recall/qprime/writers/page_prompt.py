"""Prompts about one page: text files with the placeholders $url, $title, $text and $language."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from string import Template

from configs.reading import SettingsError
from configs.text_file import read_text
from prompting.query_prompt import QueryPrompt
from recall.qprime.writers.writer import PageWords

PLACEHOLDERS = ("url", "title", "text", "language")
LONGEST_TEXT = 3_000  # characters of a text


@dataclass(frozen=True, slots=True)
class PagePrompt:
    """A prompt with placeholders for the fields of a page."""

    template: Template

    @property
    def instructions(self) -> str:
        """The prompt without the page."""
        return self.template.safe_substitute(dict.fromkeys(PLACEHOLDERS, ""))

    def fill(self, page: PageWords, longest: int = LONGEST_TEXT) -> str:
        """Return the prompt for one page; long fields are cut, the text to at most `longest` characters."""
        return QueryPrompt(self.template).fill(page.url, page.title, page.language, page.snippet[:longest])


def packaged_prompt(name: str) -> PagePrompt:
    """Return a prompt of `prompting/prompts` by its file name without the extension."""
    return PagePrompt(Template((files("prompting") / "prompts" / f"{name}.txt").read_text(encoding="utf-8")))


def read_prompt(path: Path) -> PagePrompt:
    """Return the prompt in a file. Raises SettingsError for an unknown placeholder, or if $text is missing."""
    template = Template(read_text(path))
    known = ", ".join(f"${name}" for name in PLACEHOLDERS)
    if not template.is_valid() or (unknown := set(template.get_identifiers()) - set(PLACEHOLDERS)):
        what = "a $ without a placeholder" if not template.is_valid() else f"${min(unknown)}"
        raise SettingsError(f"{path} contains {what}: the placeholders are {known}; write $$ for a dollar sign")
    if "text" not in template.get_identifiers():
        raise SettingsError(f"{path} has no placeholder $text for the page: the placeholders are {known}")
    return PagePrompt(template)
