"""Writes the manifest of a build: its inputs, rows, figures, notes and warm-up URLs."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cascade.types import Candidates, Query, Trigger
from pipeline.answers import step as answers
from pipeline.log import order
from pipeline.pages.encoder import chosen_settings
from pipeline.rankers import blend, event_source, session
from pipeline.rankers.text_weight import weight_note
from pipeline.republish import republished
from ranking.features import STAGE1, STAGE2
from ranking.filters import standard
from recall.ann_tuning import ENOUGH
from recall.paths import ALL_PATHS, FALLBACK, TABLES
from recall.popular.lookup import OVERALL
from store.bundle import Manifest
from store.page_row import FACTS, read_facts, read_text, read_tokens
from store.tables import LmdbTable
from text_model.packaged import MULTILINGUAL

if TYPE_CHECKING:
    from pipeline.runner.runner import Runner

_INDEXES = tuple(path.name for path in ALL_PATHS if path.index)
_WARMUP = 8


def manifest(runner: Runner, building: Path, name: str, created: datetime) -> Manifest:
    """Return the manifest of the bundle in the directory `building`, without its list of files."""
    figures = runner.figures
    read = figures["read"]
    tables = {table: LmdbTable(building / "tables" / f"{table}.lmdb") for table in TABLES}
    rows = {table: len(opened) for table, opened in tables.items()}
    rows |= {index: figures[index]["pages"] for index in _INDEXES}
    rows["addresses"] = figures["pages"]["addresses"]
    if "answers" in figures:
        rows["answers"] = figures["answers"]["rows"]
    warmup = list(islice(answerable(tables[FALLBACK.name], tables["pages"]), _WARMUP))
    for table in tables.values():
        table.close()
    return Manifest(
        name=name,
        created=created,
        git_commit=_git_commit(),
        seed=runner.config.seed,
        config=_settings(runner),
        languages=figures["pages"]["languages"],
        url_rules=runner.config.url_rules,
        data={"tables": read["tables"], **{key: read[key] for key in ("start", "labels_from", "end")}},
        features={"stage1": list(STAGE1), "stage2": list(STAGE2)},
        dimensions={index: figures[index]["dimension"] for index in _INDEXES},
        search={index: figures[index]["search"] for index in _INDEXES},
        rows=rows,
        metrics={step: values for step, values in figures.items() if step != "read"} | _republished(runner),
        seconds=runner.seconds,
        notes=[
            *event_source.notes(figures),
            *answers.notes(figures),
            *blend.notes(figures["blend"], runner.config.chooses_quality_weight),
            *session.notes(figures["session"]),
            *order.notes(figures),
            *weight_note(figures["blend"]),
            *undated_labels(read, runner.config.measured),
            *_encoder(figures["text"]["encoder"]),
            *_unread(figures["text"]),
            *_searches(figures),
        ],
        warmup=warmup,
        files={},
    )


def _republished(runner: Runner) -> dict[str, Any]:
    """Return the figures of what commands have added to the steps' tables since these ran."""
    return {name: values for step in runner.figures for name, values in republished(runner.root / step).items()}


def _settings(runner: Runner) -> dict[str, Any]:
    """Return the configuration, with the encoder that the build chose where it names none."""
    settings = runner.config.model_dump(mode="json")
    settings["text"] |= chosen_settings(runner.root / "text")
    return settings


def _encoder(figures: Mapping[str, Any]) -> Iterator[str]:
    """Say which encoder read a site for which the default one was not enough, or would not have been."""
    if figures["note"]:
        yield figures["note"]
    elif figures["base"] == MULTILINGUAL:
        counts = ", ".join(f"{count} in {language}" for language, count in figures["read"].items())
        yield f"the encoder {figures['base']} read the pages: {counts}"


def undated_labels(read: Mapping[str, Any], measured: bool) -> Iterator[str]:
    """Warn that the labels of a measured build could not be cut off by time."""
    labels = read["tables"].get("labels")
    if measured and labels and labels["kept"] and labels["first"] is None:
        yield "the labels have no column `time`, so --until could not exclude later ones"


def _unread(figures: dict[str, dict[str, float]]) -> Iterator[str]:
    """Name the languages whose pages the encoder mostly cannot tell apart; shared words replace it there."""
    if lost := ", ".join(sorted(tag for tag, share in figures["no_likeness"].items() if share > 0.5)):
        yield f"text.base does not understand most pages in {lost}: shared words replace it"


def _searches(figures: dict[str, dict[str, float]]) -> Iterator[str]:
    for index in _INDEXES:
        if (recall := figures[index]["recall_at_50"]) < ENOUGH:
            yield f"{index}: its index finds {recall:.2f} of the 50 nearest pages; the target is {ENOUGH:.2f}"


def answerable(popular: LmdbTable, pages: LmdbTable) -> Iterator[str]:
    """Yield the URLs of popular pages for which the filters keep another popular page, the most popular first.

    A gateway rejects a bundle whose warm-up answers are empty; a page alone in its language always has an empty one.
    """
    (row,) = popular.read(np.array([OVERALL], np.uint64))
    rows = [row for row in pages.read(np.frombuffer(row or b"", "<u8")) if row]
    facts = read_facts(rows)
    others = Candidates(facts["page"], {name: facts[name] for name in FACTS.names or () if name != "page"})
    for row, fact in zip(rows, facts, strict=True):
        text = read_text(row)
        query = Query(text.url, int(fact["page"]), trigger=Trigger(True, fact, read_tokens(row, fact)))
        if np.all([rule.keep(query, others) for rule in standard()], axis=0).any():
            yield text.url


def _git_commit() -> str:
    try:
        return subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=True).stdout.strip()  # noqa: S607
    except (OSError, subprocess.CalledProcessError):
        return ""
