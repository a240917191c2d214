"""Runs every row with every backbone and seed; each run is kept, so that a killed ablation goes on where it was."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np
import orjson

from ablations.knowledge.data import blocks, digest, read
from ablations.knowledge.metrics import Scored
from ablations.knowledge.model import Contrast
from ablations.knowledge.rows import BACKBONES, ROWS, Row
from ablations.knowledge.texts import Kind
from ablations.knowledge.train import Data, Positives, Trained, Training, positives_of, train
from ablations.knowledge.vectors import Asked, Knowledge, Library, Say
from configs.reading import SettingsError

#: What figure 3 varies -> its values; the paper's best one is among them.
SWEPT = {
    "users": (0.0, 0.001, 0.002, 0.004, 0.008, 0.016),
    "movies": (0.0, 0.002, 0.004, 0.008, 0.016, 0.032),
    "temperature": (0.05, 0.1, 0.15, 0.2, 0.3),
}


@dataclass(frozen=True, slots=True)
class Settings:
    """The size of the ablation."""

    users: int | None = None  # a sample; None: all
    seeds: int = 3
    rows: tuple[str, ...] = tuple(ROWS)
    backbones: tuple[str, ...] = tuple(BACKBONES)
    sensitivity: bool = True
    base: str = "minilm"
    training: Training = field(default_factory=Training)
    contrast: Contrast = field(default_factory=Contrast)

    def identity(self) -> dict[str, object]:
        """Return what each kept run depends on."""
        contrast = {name: value for name, value in asdict(self.contrast).items() if name != "mean"}  # each row's own
        return {"users": self.users, "base": self.base, **asdict(self.training), "contrast": contrast}


@dataclass(frozen=True, slots=True)
class Run:
    """What is kept of one run."""

    tested: Scored
    validation: list[float]  # AUC after each epoch
    epoch: int
    seconds: float


class Runner:
    """All runs over one sample of users."""

    def __init__(self, folder: Path, work: Path, settings: Settings, asked: Asked, say: Say) -> None:
        self.movies, self.log = read(folder, settings.users)
        self.blocks, self.settings, self._say = blocks(self.log), settings, say
        work.mkdir(parents=True, exist_ok=True)
        _claim(work / "run.json", {"data": digest(folder), **settings.identity(), "asked": _asked(asked)})
        self.library = Library(self.movies, self.log, self.blocks, settings.base, asked, work, say)
        self._runs = work / "runs"
        self._runs.mkdir(exist_ok=True)
        self._alike: dict[int, Positives] = {}
        self._knowledge: dict[Kind, Knowledge] = {}
        if any(ROWS[name].text == "trawl" for name in settings.rows):
            self.library.ask_again(self._forget_trawl)

    def rows(self) -> dict[tuple[str, str], list[Run]]:
        """Return (backbone, row) -> a run per seed. Seed after seed, so that a killed run has whole seeds."""
        found: dict[tuple[str, str], list[Run]] = {}
        for seed in range(self.settings.seeds):
            for backbone in self.settings.backbones:
                for name in self.settings.rows:
                    run = self.run(f"{name}-{backbone}-{seed}", ROWS[name], backbone, seed, self.settings.contrast)
                    found.setdefault((backbone, name), []).append(run)
        return found

    def sensitivity(self) -> dict[str, dict[float, list[float]]]:
        """Return by hyper-parameter: value -> each seed's AUC of validation users, of TRAWL on the first backbone."""
        backbone, contrast = self.settings.backbones[0], self.settings.contrast
        found: dict[str, dict[float, list[float]]] = {}
        for name, values in SWEPT.items():
            for value in sorted({*values, getattr(contrast, name)}):
                changed = replace(contrast, **{name: value})
                runs = [self._swept(name, value, changed, backbone, seed) for seed in range(self.settings.seeds)]
                found.setdefault(name, {})[value] = [max(run.validation) for run in runs]
        return found

    def _swept(self, name: str, value: float, changed: Contrast, backbone: str, seed: int) -> Run:
        same = changed == self.settings.contrast
        key = f"trawl-{backbone}-{seed}" if same else f"{name}={value:g}-{backbone}-{seed}"
        return self.run(key, ROWS["trawl"], backbone, seed, changed)

    def run(self, key: str, row: Row, backbone: str, seed: int, contrast: Contrast) -> Run:
        """Return a run, from its file if there is one."""
        path = self._runs / f"{key}.npz"
        data = Data(self.log, self.blocks, len(self.movies), seed)
        if not path.is_file():
            begun = time.monotonic()
            alike = self._alike_of(data) if row.contrast else None
            own = replace(contrast, mean=row.mean) if row.contrast else None
            knowledge = None if row.text is None else self._knowledge_of(row.text)
            trained = train(BACKBONES[backbone], data, knowledge, row.adapter, own, alike, self.settings.training)
            _keep(path, trained, time.monotonic() - begun)
            self._say(
                f"{key}: validation AUC {max(trained.validation):.4f} after {trained.epoch} epochs,"
                f" {time.monotonic() - begun:.0f} s"
            )
        kept = np.load(path)
        _, _, test = data.split()
        counted = self.blocks.movies[test] > 0
        users = np.broadcast_to(self.blocks.user[test, None], counted.shape)[counted]
        tested = Scored(kept["scores"], self.blocks.labels[test][counted], users)
        return Run(tested, kept["validation"].tolist(), int(kept["epoch"]), float(kept["seconds"]))

    def _forget_trawl(self) -> None:
        """Remove the runs that have learnt from a language model's texts."""
        others = tuple(f"{name}-" for name, row in ROWS.items() if row.text != "trawl")
        for path in self._runs.glob("*.npz"):
            if not path.name.startswith(others):
                path.unlink()

    def _alike_of(self, data: Data) -> Positives:
        if data.seed not in self._alike:
            self._say(f"Swing over the training users of seed {data.seed}")
            self._alike = {data.seed: positives_of(data)}
        return self._alike[data.seed]

    def _knowledge_of(self, kind: Kind) -> Knowledge:
        if kind not in self._knowledge:
            self._knowledge[kind] = self.library.of(kind)
        return self._knowledge[kind]


def _keep(path: Path, trained: Trained, seconds: float) -> None:
    working = path.with_suffix(".writing.npz")
    np.savez(working, scores=trained.scores, validation=trained.validation, epoch=trained.epoch, seconds=seconds)
    working.rename(path)


def _asked(asked: Asked) -> dict[str, object]:
    if asked.endpoint is None:
        return {"model": None}
    return {"model": asked.endpoint.model, "movies": asked.movies, "users": asked.users}


def _claim(path: Path, settings: dict[str, object]) -> None:
    """Write what the runs depend on. Raises SettingsError if the folder has runs of other settings."""
    about = orjson.loads(orjson.dumps(settings))
    if not path.is_file():
        path.write_bytes(orjson.dumps(about, option=orjson.OPT_INDENT_2))
        return
    before = orjson.loads(path.read_bytes())
    for name, value in about.items():
        if before.get(name) != value:
            raise SettingsError(
                f"--work: {path.parent} has runs with another {name} ({before.get(name)}, not {value}): give another"
            )
