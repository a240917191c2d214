"""Prompts about one page: text files with the holes $url, $title, $text and $language."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from string import Template

from configs.reading import SettingsError
from configs.text_file import read_text
from prompting.query_prompt import QueryPrompt
from recall.qprime.writers.writer import PageWords

HOLES = ("url", "title", "text", "language")
LONGEST_TEXT = 3_000  # characters that are read of a text


@dataclass(frozen=True, slots=True)
class PagePrompt:
    """A prompt with a hole for each thing that is told of a page."""

    template: Template

    def fill(self, page: PageWords, longest: int = LONGEST_TEXT) -> str:
        """Return the prompt for one page; long fields are cut, the text to at most `longest` characters."""
        return QueryPrompt(self.template).fill(page.url, page.title, page.language, page.snippet[:longest])


def packaged_prompt(name: str) -> PagePrompt:
    """Return a prompt of `prompting/prompts` by its file's name without the ending."""
    return PagePrompt(Template((files("prompting") / "prompts" / f"{name}.txt").read_text(encoding="utf-8")))


def read_prompt(path: Path) -> PagePrompt:
    """Return the prompt in a file. Raises SettingsError for a hole that no page fills, or where $text is missing."""
    template = Template(read_text(path))
    known = ", ".join(f"${hole}" for hole in HOLES)
    if not template.is_valid() or (unknown := set(template.get_identifiers()) - set(HOLES)):
        what = "a $ that begins no hole" if not template.is_valid() else f"${min(unknown)}"
        raise SettingsError(f"{path} holds {what}: the holes are {known}; write $$ for a dollar")
    if "text" not in template.get_identifiers():
        raise SettingsError(f"{path} has no hole $text, so it would tell nothing of the page: the holes are {known}")
    return PagePrompt(template)
