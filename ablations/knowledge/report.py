"""The figures of the ablation as JSON values and as one HTML file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape

import numpy as np

from ablations.knowledge.data import BLOCK
from ablations.knowledge.metrics import over_seeds
from ablations.knowledge.orderings import Ordering, orderings, summary
from ablations.knowledge.rows import NAMES, PAPER, ROWS, TABLES
from ablations.knowledge.run import Run, Runner
from ablations.knowledge.vectors import TOKENS
from evaluation.metrics.bootstrap import Interval
from evaluation.reports.document import facts_table, interval_text, opening
from evaluation.reports.plot import Curve, plot
from ranking.session.config import HISTORY

DATA = (
    "MovieLens-1M, put together from several public copies: some times are set between their neighbours, and the texts"
    " come from other sets; not GroupLens' own files"
)
_TITLES = {1: "kinds of external knowledge", 2: "TRAWL without its parts"}
_SWEPT = {"users": "w1, of users", "movies": "w2, of movies", "temperature": "temperature τ"}
_HOW = (
    "Figures are means over seeds, each of which tests another tenth of the users; in brackets the 95 % interval over"
    " seeds (Student's t). Differences are paired: the test users are resampled (bootstrap, 95 %). The other kinds of"
    " knowledge have the same adapter, without the contrastive loss."
)


@dataclass(frozen=True, slots=True)
class Cell:
    """One row on one backbone."""

    backbone: str
    row: str
    auc: Interval
    logloss: Interval
    seeds: list[float]  # AUC
    epochs: list[int]
    seconds: float  # of a run

    def as_dict(self) -> dict[str, object]:
        """Return plain JSON values, with the paper's figures."""
        auc, logloss = PAPER[self.backbone][self.row]
        return {
            "backbone": self.backbone, "row": self.row, "auc": self.auc.as_dict(), "logloss": self.logloss.as_dict(),
            "auc_by_seed": [round(value, 4) for value in self.seeds], "epochs": self.epochs,
            "seconds": round(self.seconds, 1), "paper_auc": auc, "paper_logloss": logloss,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that is shown."""

    facts: dict[str, object]
    cells: list[Cell]
    orderings: list[Ordering]
    sensitivity: dict[str, dict[float, list[float]]]

    def as_dict(self) -> dict[str, object]:
        """Return the figures as JSON takes them."""
        return {
            "facts": self.facts,
            "rows": [cell.as_dict() for cell in self.cells],
            "orderings": [each.as_dict() for each in self.orderings],
            "statements": summary(self.orderings),
            "sensitivity": {
                name: {f"{value:g}": [round(auc, 4) for auc in seeds] for value, seeds in values.items()}
                for name, values in self.sensitivity.items()
            },
        }

    def html(self) -> str:
        """Return the HTML page."""
        lines = [*opening("TRAWL's tables, measured again"), facts_table(self.facts), f"<p>{escape(_HOW)}</p>"]
        for number, rows in TABLES.items():
            lines.append(f"<h2>Table {number}: {_TITLES[number]}</h2>{self._table(rows)}")
        lines.append("<h2>The paper's orderings</h2>")
        lines.append(f"<ul>{''.join(f'<li>{escape(text)}</li>' for text in summary(self.orderings))}</ul>")
        lines.append(_differences(self.orderings))
        if self.sensitivity:
            lines.append("<h2>Figure 3: sensitivity on validation users</h2>")
            lines += [_curve(name, values) for name, values in self.sensitivity.items()]
        return "\n".join([*lines, "</html>"])

    def _table(self, rows: Sequence[str]) -> str:
        head = ("backbone", "knowledge", "AUC", "paper", "LogLoss", "paper", "AUC by seed", "epochs")
        cells = [cell for row in rows for cell in self.cells if cell.row == row]
        cells.sort(key=lambda cell: list(NAMES).index(cell.backbone))
        return _html_table(head, [_texts(cell) for cell in cells])


def report(found: Mapping[tuple[str, str], Sequence[Run]], sensitivity: dict[str, dict[float, list[float]]],
           runner: Runner) -> Report:  # fmt: skip
    """Return the report of all runs."""
    return Report(_facts(runner), [_cell(*key, runs) for key, runs in found.items()], orderings(found), sensitivity)


def _cell(backbone: str, row: str, runs: Sequence[Run]) -> Cell:
    aucs = [run.tested.auc() for run in runs]
    losses = [float(run.tested.losses().mean()) for run in runs]
    seconds = float(np.mean([run.seconds for run in runs]))
    return Cell(backbone, row, over_seeds(aucs), over_seeds(losses), aucs, [run.epoch for run in runs], seconds)


def _texts(cell: Cell) -> tuple[str, ...]:
    auc, logloss = PAPER[cell.backbone][cell.row]
    seeds, epochs = ", ".join(f"{value:.4f}" for value in cell.seeds), ", ".join(map(str, cell.epochs))
    shown = (interval_text(cell.auc, 4), f"{auc:.4f}", interval_text(cell.logloss, 4), f"{logloss:.4f}")
    return (NAMES[cell.backbone], ROWS[cell.row].title, *shown, seeds, epochs)


def _differences(found: Sequence[Ordering]) -> str:
    head = ("backbone", "the paper's ordering", "here", "row", "minus", "AUC", "paper", "LogLoss")
    rows = [
        (NAMES[each.backbone], each.claim, each.verdict, each.one, each.other, interval_text(each.auc, 4, signed=True),
         f"{each.paper:+.4f}", interval_text(each.logloss, 4, signed=True))
        for each in found
    ]  # fmt: skip
    return _html_table(head, rows)


def _html_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    top = "".join(f"<th>{escape(name)}</th>" for name in head)
    body = "".join(f"<tr>{''.join(f'<td>{escape(text)}</td>' for text in row)}</tr>" for row in rows)
    return f"<table><tr>{top}</tr>{body}</table>"


def _curve(name: str, values: Mapping[float, Sequence[float]]) -> str:
    seeds = len(next(iter(values.values())))
    curves = [
        Curve(f"seed {seed}", list(values), [aucs[seed] for aucs in values.values()], [f"{v:g}" for v in values])
        for seed in range(seeds)
    ]
    return plot(curves, _SWEPT[name], "AUC of validation users")


def _facts(runner: Runner) -> dict[str, object]:
    settings, log, library = runner.settings, runner.log, runner.library
    movies, users, asked = library.written_of_movies(), library.written_of_users(), library.asked
    counts = np.bincount(log.movie, minlength=len(runner.movies) + 1)
    training = settings.training
    facts: dict[str, object] = {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "data": DATA,
        "users": f"{len(log.attributes):,}, split 8:1:1 by user",
        "ratings": f"{len(log.movie):,}, {log.label.mean():.1%} of them above 3",
        "movies": f"{int((counts > 0).sum()):,} rated; raw text: {_known(runner.movies.raw, counts)} of the ratings",
        "history": f"the last {HISTORY} movies rated above 3 before a block of {BLOCK} ratings, which share it",
        "seeds": settings.seeds,
        "encoder": f"{settings.base}, frozen, {TOKENS} tokens of title and text",
        "training": f"batches of {training.batch * BLOCK:,} ratings, rate {training.rate:g} (AdamW), at most"
        f" {training.epochs} epochs; the epoch by validation AUC",
        "widths": f"{training.widths.ids} of an ID, {training.widths.knowledge} of knowledge",
        "contrast": f"w1 = {settings.contrast.users:g} (users), w2 = {settings.contrast.movies:g} (movies), τ ="
        f" {settings.contrast.temperature:g}; equation 2 is over up to {settings.contrast.rows} rows of a batch:"
        " their sum, or their mean where the row says so",
        "TRAWL's texts": "extracts only: no language model was given",
    }
    if asked.endpoint is not None:
        share = counts[list(movies.texts)].sum() / max(1, len(log.movie)) if movies.texts else 0.0
        facts["TRAWL's texts"] = (
            f"{asked.endpoint.model} wrote of {len(movies.texts)} of the {movies.asked} most rated movies that it was"
            f" asked about ({share:.1%} of the ratings) and {len(users.texts)} of {users.asked} texts of users; all"
            f" others are extracts. Failed: {movies.failed or 'none'}; {users.failed or 'none'}"
        )
    return facts


def _known(texts: Sequence[str], counts: np.ndarray) -> str:
    known = np.array([False, *map(bool, texts)])
    return f"{counts[known].sum() / max(1, counts.sum()):.1%}"
