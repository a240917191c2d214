"""Where the files of a bundle come from: the directories of the steps that made them."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from pipeline.cross_encoder.student_files import EXPORTED, WEIGHTS
from pipeline.log.split import ALL
from pipeline.recall_steps import bundle_files
from ranking.session.score import FILES as SESSION_FILES
from ranking.stored_answers import FILE as ANSWERS_FILE
from ranking.stored_answers import TEACHERS
from store.addresses import FILE as ADDRESSES
from store.valid_until import FILE as VALID_UNTIL

#: Path in the bundle -> path under the work directory; the recall paths declare theirs.
_FILES = {
    ADDRESSES: "pages/addresses.lmdb",
    VALID_UNTIL: "pages/valid_until.npy",
    "tables/pages.lmdb": f"pages/{ALL}/pages.lmdb",
    "tokenizer.json": "text/tokenizer.json",
    "stage1/model.txt": "stage1/model.txt",
    "stage1/model_start.txt": "stage1/model_start.txt",
    f"cross_encoder/{WEIGHTS}": f"student/{WEIGHTS}",
    "stage2/model.txt": "stage2/model.txt",
    "stage2/model_start.txt": "stage2/model_start.txt",
    "blend.json": "blend/blend.json",
}


def lay_out(of: Callable[[str], Path], target: Path, place: Callable[[Path, Path], object]) -> None:
    """Put every file of a bundle into a directory; `of` returns a step's directory, `place` copies or links a file."""
    files = {**_FILES, **{name: str(source) for name, source in bundle_files().items()}}
    for name, source in files.items():
        step, _, file = source.partition("/")
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        place(of(step) / file, target / name)
    # One model or two, and what two of them have read.
    for part in (*(of("student") / EXPORTED).iterdir(), *of("page_states").glob("*.npy")):
        place(part, target / "cross_encoder" / part.name)


def lay_out_session(step: Path, target: Path) -> None:
    """Copy what the step `session` made: nothing where readers' ways do not help."""
    for name in SESSION_FILES:
        if (step / name).is_file():
            (target / "session").mkdir(exist_ok=True)
            shutil.copyfile(step / name, target / "session" / name)


def lay_out_answers(step: Path, target: Path) -> None:
    """Copy what the step `answers` made: the table, and the teachers where they scored it."""
    shutil.copyfile(step / Path(ANSWERS_FILE).name, target / ANSWERS_FILE)
    if (step / TEACHERS).is_dir():
        shutil.copytree(step / TEACHERS, target / TEACHERS)
