"""The step that makes answers before they are asked for: the serving cascade, run over the most clicked pages."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.answers.makers import open_makers
from pipeline.answers.rows_so_far import RowsSoFar
from pipeline.answers.teachers import keep
from pipeline.cross_encoder.teacher_pages import teacher_settings
from pipeline.layout import lay_out
from pipeline.log.split import ALL
from pipeline.pages.encoder import text_settings
from pipeline.recall_steps import PATHS
from pipeline.runner.progress import progress
from pipeline.runner.step import Step
from pipeline.runner.work import Work
from ranking import stored_answers
from ranking.assembly import Choices
from ranking.stored_answers import TEACHER, TEACHERS
from store.bundle import file_hash

if TYPE_CHECKING:
    from pipeline.config import BuildConfig


def answers(work: Work) -> dict[str, object]:
    """Write the `answers` table; a killed run goes on where it stopped."""
    config, begun = work.config.answers, time.monotonic()
    facts = np.load(work.of("pages") / ALL / "facts.npy")
    order = np.argsort(-facts["clicks_all"].astype(np.int64), kind="stable")[: config.most_pages]
    pages = facts["page"][order].tolist()
    with _laid_out(work) as directory, RowsSoFar(work.directory) as rows:
        head = head_of(directory, Choices())
        until = begun + 60 * config.most_minutes
        _fill(work, directory, rows, pages, until)
        seconds, made = time.monotonic() - begun, rows.made
        rows.put(stored_answers.HEAD, head.model_dump_json().encode())
        figures = {"pages": rows.pages, "bytes_per_page": round(rows.bytes / max(1, rows.pages))}
        written = rows.finish(work.directory / f"{stored_answers.TABLE}.lmdb")
    rate = round(made / seconds, 1) if made else 0.0
    scored = {"model": config.model, **({"base": teacher_settings(work).base} if config.model == TEACHER else {})}
    return {**scored, "rows": written, "of_pages": len(facts), **figures, "pages_per_second": rate}


def _fill(work: Work, directory: Path, rows: RowsSoFar, pages: list[int], until: float) -> None:
    waiting = [page for page in pages if page not in rows]
    if not waiting:
        return
    most_bytes, done = work.config.answers.most_mb * 1e6, len(pages) - len(waiting)
    with (
        open_makers(directory, text_settings(work).tokens_per_page, len(waiting)) as make,
        progress("answers", len(pages)) as advance,
    ):
        for made in make(waiting):
            if made.row is not None:
                rows.put(made.page, made.row)
            done += 1
            advance(done)
            if rows.bytes >= most_bytes or time.monotonic() >= until:
                break


def head_of(directory: Path, choices: Choices) -> stored_answers.Head:
    """Return the head of a table made from the files in a directory."""
    files = {str(path.relative_to(directory)): path for path in directory.rglob("*") if path.is_file()}
    hashes = {name: file_hash(path) for name, path in files.items() if stored_answers.is_model(name)}
    return stored_answers.Head.of(hashes, choices.limits())


def notes(figures: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Yield the manifest's note on who scored the answers, if that is not the model that serves."""
    made = figures.get(stored_answers.TABLE, {})
    if made.get("model") == TEACHER:
        yield f"the teachers ({made['base']}) scored the stored answers; computed ones are the student's, and differ"


@contextmanager
def _laid_out(work: Work) -> Iterator[Path]:
    """Give the finished steps as a bundle: a directory of links."""
    directory = work.directory / "bundle"
    shutil.rmtree(directory, ignore_errors=True)
    lay_out(work.of, directory, lambda source, target: target.symlink_to(source.resolve()))
    if work.config.answers.model == TEACHER:
        _link(keep(work, work.directory / TEACHERS), directory / TEACHERS)
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _link(files: Path, target: Path) -> None:
    target.mkdir()
    for file in files.iterdir():
        (target / file.name).symlink_to(file.resolve())


def _wanted(config: BuildConfig) -> bool:
    return config.answers.any


STEP = Step(
    stored_answers.TABLE,
    answers,
    after=("text", "pages", *PATHS, "student", "page_states", "stage1", "stage2", "blend"),
    also_after=lambda config: ("teachers",) if config.answers.model == TEACHER else (),
    when=_wanted,
    config=("answers",),
    seeded=False,
    resumes=True,
)
