"""The judge's prompts: text templates, one per row of the paper's table 1."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from string import Template
from typing import Any

import orjson

from configs.reading import SettingsError
from corpus.files.pairs import TextPair

#: Name -> (whether the score is read from log-probabilities, maximum tokens of an answer).
_KINDS = {"A": (False, 600), "B": (True, 24), "C": (True, 900)}
NAMES = tuple(_KINDS)
_LONGEST = {"url1": 500, "title1": 300, "snippet1": 2000, "url2": 500, "title2": 300, "snippet2": 2000}  # characters


@dataclass(frozen=True, slots=True)
class Prompt:
    """One prompt: a template with the fields of a pair, and how its answer is read."""

    name: str
    template: Template
    logprobs: bool
    answer_tokens: int
    schema: dict[str, Any] | None  # JSON schema of the answer

    def fill(self, pair: TextPair) -> str:
        """Return the prompt for one pair; long fields are cut to limit the cost."""
        fields = pair._asdict()
        return self.template.substitute({name: fields[name][:most] for name, most in _LONGEST.items()})


def load_prompt(name: str) -> Prompt:
    """Return the prompt `A`, `B` or `C`. Raises SettingsError for another name."""
    if name not in _KINDS:
        raise SettingsError(f"unknown prompt {name}: the prompts are {', '.join(NAMES)}")
    file = f"judge_{name.lower()}"
    return Prompt(name, template(file), *_KINDS[name], schema(file))


def template(name: str) -> Template:
    """Return a template of the folder `prompts`, with `$name` placeholders."""
    return Template((files("prompting") / "prompts" / f"{name}.txt").read_text(encoding="utf-8"))


@cache
def schema(name: str) -> dict[str, Any] | None:
    """Return the JSON schema of a prompt's answers, which lies beside its template; None if there is none."""
    file = files("prompting") / "prompts" / f"{name}.json"
    return orjson.loads(file.read_bytes()) if file.is_file() else None
