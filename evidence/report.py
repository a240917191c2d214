"""Runs the ablation over seeds and sets, and gives its figures as plain data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import orjson
import torch

from configs.reading import SettingsError
from evaluation.metrics.bootstrap import Interval
from evidence.ablation import TRAINED, AblationSettings, Say, prepare, with_heads
from evidence.base_model import open_base
from evidence.table import Row, gains, joined, rows_of
from recall.qprime.writers.information_need import InformationNeed, InformationNeedWriter
from store.bundle import file_hash, write_atomically
from store.damaged_file import whole
from store.model_files import identity
from text_model.distributed import world

_VERSION = 3  # of what a row's file holds
#: What each set takes its noise from.
OTHER = {"beauty": "toys", "toys": "beauty"}


@dataclass(frozen=True, slots=True)
class SetReport:
    """The figures of one set."""

    name: str
    tasks: int
    shown: int | None  # tasks whose passages have the right item; None without rows of the language model
    rows: list[Row]
    gains: list[dict[str, object]]

    def as_dict(self) -> dict[str, object]:
        """Return the figures as JSON takes them."""
        rows = [
            {
                "row": row.name,
                "prior_weight": row.weight,
                **{metric: at.as_dict() for metric, at in row.figures().items()},
            }
            for row in self.rows
        ]
        gained = [
            {key: at.as_dict() if isinstance(at, Interval) else at for key, at in gain.items()} for gain in self.gains
        ]
        return {
            "set": self.name,
            "test_tasks": self.tasks,
            "right_item_shown": self.shown,
            "rows": rows,
            "gains": gained,
        }


def run(
    data: Path, names: Sequence[str], model: str, work: Path, settings: AblationSettings, seeds: int, say: Say
) -> list[SetReport]:
    """Return each set's report. A killed run resumes in `work`; raises SettingsError if that is of other settings."""
    work.mkdir(parents=True, exist_ok=True)
    base, tokenizer = open_base(model, work)
    _check_layers(settings, int(base.config.num_hidden_layers))
    about = identity(model)
    base.to(torch.bfloat16).to(world().device)  # type: ignore[arg-type]
    writer = _asks(model, work) if settings.queries == "information_need" else None
    reports = []
    for name in names:
        by_seed, users, shown = [], [], list[bool]()
        for seed in range(settings.seed, settings.seed + seeds):
            own = replace(settings, seed=seed, tuning=replace(settings.tuning, seed=seed))
            folder = work / f"{name}-{seed}"
            _claim(folder, about, _contents(data, name), own)
            ablation = prepare(data, name, OTHER[name], base, tokenizer, own, folder, say, writer)
            splits = ablation.splits
            by_seed.append(rows_of(ablation.rows(), splits.validation, splits.test))
            users += [task.user for task in splits.test]
            shown += [] if settings.items_only else ablation.shown()
        rows = joined(by_seed)
        gained = [] if settings.items_only else gains(rows, _pairs(settings), users, shown)
        reports.append(SetReport(name, len(users), None if settings.items_only else sum(shown), rows, gained))
    return reports


def _check_layers(settings: AblationSettings, layers: int) -> None:
    if settings.items_only:
        return
    for option, most in (("--first", settings.first), ("--heads", max(map(max, settings.heads), default=0))):
        if most >= layers:
            raise SettingsError(f"{option}: there is no layer {most}: the model has layers 0 to {layers - 1}")


def _asks(model: str, work: Path) -> InformationNeedWriter:
    base, tokenizer = open_base(model, work, "eager")
    return InformationNeedWriter(base.to(world().device), tokenizer, InformationNeed(tokens=32))  # type: ignore[arg-type]


def _pairs(settings: AblationSettings) -> list[tuple[str, str]]:
    tuned, plain = f"tuned, {TRAINED} passages", "tuned, no evidence"
    found = [(f"LLM as it is, {TRAINED} passages", "LLM as it is, no evidence"), (tuned, plain)]
    found.append((plain, "LLM as it is, no evidence"))
    rows = [f"{with_heads(heads)}, {TRAINED} passages" for heads in settings.heads]
    return found + [(row, other) for other in (tuned, plain) for row in rows]


def _contents(data: Path, name: str) -> str:
    """Return a hash of the files of a set and of its noise; "" where one is missing, which reading them names."""
    files = [data / f"{each}_{part}.parquet" for each in (name, OTHER[name]) for part in ("items", "sequences")]
    return "-".join(file_hash(file)[:8] for file in files) if all(file.is_file() for file in files) else ""


def _claim(folder: Path, model: str, data: str, settings: AblationSettings) -> None:
    """Write the settings of a run. Raises SettingsError if the folder belongs to a run with others."""
    about = orjson.loads(
        orjson.dumps(
            {"version": _VERSION, "model": model, "data": data, **asdict(settings), "counts": None, "items_only": None}
        )
    )
    path = folder / "run.json"
    if path.is_file():
        with whole(path):
            before = orjson.loads(path.read_bytes())
        for name, value in about.items():
            if before.get(name) != value:
                raise SettingsError(
                    f"{folder} has a run with another {name} ({before.get(name)}, not {value}): give another --work"
                )
        return
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(path, orjson.dumps(about, option=orjson.OPT_INDENT_2))
