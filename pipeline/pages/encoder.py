"""The encoder that a build chose by the languages of its pages: the step `text` writes it, later steps read it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

from pipeline.runner.work import Work
from text_model.packaged import MULTILINGUAL, choose

if TYPE_CHECKING:  # at run time the configuration would import every trainer
    from pipeline.config import TextConfig

_FILE = "encoder.json"
#: Tokens of a page where `tokens_per_page` is 0: with 22, two pages and four special tokens fit the padded length 48.
#: The multilingual base reads each page alone, so there a longer page does not slow down the cross-encoder.
TOKENS, _TOKENS_MULTILINGUAL = 22, 62


class Settings(TypedDict):
    """What is chosen of the section `text`."""

    base: str
    tokens_per_page: int


def choose_encoder(config: TextConfig, languages: Sequence[str], out: Path) -> tuple[TextConfig, dict[str, object]]:
    """Return the settings with the encoder that reads pages in these languages, and figures; write it for later steps.

    Raises SettingsError if that encoder is not installed.
    """
    chosen = choose(config.base, languages, config.english_share)
    tokens = config.tokens_per_page or (_TOKENS_MULTILINGUAL if chosen.base == MULTILINGUAL else TOKENS)
    settings = Settings(base=chosen.base, tokens_per_page=tokens)
    (out / _FILE).write_text(json.dumps(settings))
    return replace(config, **settings), {"base": chosen.base, "english": round(chosen.english, 3), "note": chosen.note}


def text_settings(work: Work) -> TextConfig:
    """Return the section `text` of the configuration with the encoder that the step `text` chose."""
    return replace(work.config.text, **chosen_settings(work.of("text")))


def chosen_settings(text: Path) -> Settings:
    """Return what the step `text` chose, from its directory."""
    settings: Settings = json.loads((text / _FILE).read_text())
    return settings
