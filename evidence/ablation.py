"""The ablation of web evidence and MP-Head: every row's scores for the same test tasks, resumable row by row."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from evidence.amazon import CANDIDATES, Items, Splits, Task, older_sequences, read_items, split
from evidence.item_baselines import model_scores, popularity, sequence_model, transitions
from evidence.item_evidence import ItemEvidence
from evidence.learnt import save_learnt
from evidence.likelihood import Asked, at_once, batch_of, candidate_scores, lower_states, token_scores
from evidence.prompt_tokens import PromptTokens, Sequenced
from evidence.table import Scored
from evidence.tuning import TuningSettings, adapted, tune
from recall.qprime.writers.writer import QueryWriter
from store.damaged_file import whole

Say = Callable[[str], None]
Pair = tuple[NDArray[np.float64], NDArray[np.float64]]  # of validation and of test
#: What writes the queries: `information_need` lets the base model answer every task first.
QueriesBy = Literal["key_phrases", "information_need"]
TRAINED = 10  # passages of the rows that learn


@dataclass(frozen=True, slots=True)
class AblationSettings:
    """The size of the experiment."""

    train: int = 300
    validation: int = 60
    test: int = 200
    first: int = 24  # the first trained layer; the states below it are computed once
    heads: tuple[tuple[int, ...], ...] = ((24,), (24, 26), (24, 26, 28))
    counts: tuple[int, ...] = ()  # other numbers of passages, for two rows
    queries: QueriesBy = "key_phrases"
    listed: bool = False  # whether the prompt lists the candidates, so that learning is choosing among them
    noise: float = 0.5  # the share of passages that are drawn from the noise set
    seed: int = 0
    items_only: bool = False  # leave out the rows of the language model
    epochs: int = 3  # of the sequence model
    tuning: TuningSettings = field(default_factory=TuningSettings)


@dataclass(slots=True)
class Ablation:
    """Everything that the rows share."""

    items: Items
    splits: Splits
    evidence: ItemEvidence
    base: PreTrainedModel
    tokens: PromptTokens
    settings: AblationSettings
    work: Path
    say: Say
    _prompts: dict[str, list[Sequenced]] = field(default_factory=dict)

    def rows(self) -> dict[str, Scored]:
        """Return every row's scores, computing what `work` does not hold yet."""
        settings = self.settings
        old = older_sequences(self.items)
        asked = (self.splits.validation, self.splits.test)
        found: dict[str, Scored] = {}

        def row(name: str, score: Callable[[], Scored]) -> None:
            found[name] = self._stored(name, score)

        row("popularity", lambda: Scored(*_both(lambda tasks: popularity(old, tasks), asked)))
        row("transition counts", lambda: Scored(*_both(lambda tasks: transitions(old, tasks), asked)))
        row("SASRec-like", lambda: self._sequence_model(old, asked))
        if self.settings.items_only:
            return found
        as_it_is = "LLM as it is"
        row(f"{as_it_is}, no evidence", lambda: self._scored(as_it_is, self.base, 0))
        row(f"{as_it_is}, {TRAINED} passages", lambda: self._scored(as_it_is, self.base, TRAINED))
        self._learnt(found, "tuned, no evidence", 0, ())
        self._learnt(found, "tuned", TRAINED, ())
        for heads in settings.heads:
            self._learnt(found, with_heads(heads), TRAINED, heads)
        return found

    def shown(self) -> list[bool]:
        """Return of each test task whether its passages have the right item: such evidence names the answer."""
        return [self.evidence.shows(task, TRAINED) for task in self.splits.test]

    def _learnt(self, found: dict[str, Scored], name: str, passages: int, heads: Sequence[int]) -> None:
        """Add the row of a tuned model, and its rows with other numbers of passages."""
        counts = {passages: f"{name}, {passages} passages" if passages else name}
        if passages and len(heads) < 2:
            counts |= {count: f"{name}, {count} passages" for count in self.settings.counts if count != passages}
        model = None
        for count, title in counts.items():
            if not self._file(title).is_file() and model is None:
                model = self._tuned(name, passages, heads)
            found[title] = self._stored(title, partial(self._scored, name, model or self.base, count))

    def _tuned(self, name: str, passages: int, heads: Sequence[int]) -> PreTrainedModel:
        tasks = self._states(f"train-{passages}", self.splits.train, lambda task: self._prompt(task, passages, True))
        model, groups = adapted(self.base, self.settings.first, heads, self.settings.tuning)
        checkpoint = self._file(name).with_suffix(".safetensors")
        curve = tune(model, groups, tasks, self.settings.first, self.settings.tuning, checkpoint)
        learnt = self._file(name).with_suffix(".learnt.safetensors")
        save_learnt(learnt, model, self.settings.first, heads, self.settings.tuning)
        losses = curve.losses["taken"]
        quarter = max(1, len(losses) // 4)
        gates = [f"{float(p.detach()):.2f}" for n, p in model.named_parameters() if n.endswith("head.gate")]
        self.say(
            f"{name}: loss {np.mean(losses[:quarter]):.3f} -> {np.mean(losses[-quarter:]):.3f}"
            + (f", gates {' '.join(gates)}" if gates else "")
        )
        return model

    def _scored(self, name: str, model: PreTrainedModel, passages: int) -> Scored:
        """Return a model's scores after so many passages, and those without a history, which it gives once."""
        validation, test = self._asked_of(model, str(passages), lambda task: self._prompt(task, passages))
        prior = self._stored(f"{name}, prior", lambda: Scored(*self._asked_of(model, "prior", self._unprompted)))
        return Scored(validation, test, prior.validation, prior.test)

    def _asked_of(self, model: PreTrainedModel, name: str, prompt: Callable[[Task], Sequenced]) -> Pair:
        splits = {"validation": self.splits.validation, "test": self.splits.test}
        validation, test = (
            self._candidates(model, self._states(f"{split}-{name}", tasks, prompt)) for split, tasks in splits.items()
        )
        return validation, test

    def _candidates(self, model: PreTrainedModel, asked: Sequence[Asked]) -> NDArray[np.float64]:
        """Return each task's candidates' log-likelihoods, (tasks, candidates); tasks of one length share a batch."""
        found = np.empty((len(asked), CANDIDATES))
        order = sorted(range(len(asked)), key=lambda row: len(asked[row][0].ids))
        for rows in (order[start : start + at_once(model)] for start in range(0, len(order), at_once(model))):
            with torch.no_grad():
                batch, states = batch_of(model, [asked[row] for row in rows], self.settings.first)
                scores = candidate_scores(batch, token_scores(model, batch, states, self.settings.first))
            found[rows] = scores.double().view(len(rows), CANDIDATES).cpu().numpy()
        return found

    def _states(self, name: str, tasks: Sequence[Task], prompt: Callable[[Task], Sequenced]) -> list[Asked]:
        """Return each task's tokens, and the states that enter the first trained layer, from a file if there is one.

        If all layers are trained, no states are kept.
        """
        if name not in self._prompts:
            self._prompts[name] = [prompt(task) for task in tasks]
        sequences = self._prompts[name]
        if not self.settings.first:
            return [(each, None) for each in sequences]
        file = self.work / f"states-{name}.pt"
        if not file.is_file():
            self.say(f"{name}: {sum(len(each.ids) for each in sequences):,} tokens below")
            states = [lower_states(self.base, each, self.settings.first).cpu() for each in sequences]
            torch.save(states, file.with_suffix(".writing"))
            file.with_suffix(".writing").rename(file)
        with whole(file):
            return list(zip(sequences, torch.load(file), strict=True))

    def _prompt(self, task: Task, passages: int, taken: bool = False) -> Sequenced:
        """Return a task's prompt with its candidates behind it, or with what was taken alone."""
        titles = self.items.titles
        found = self.evidence.of(task, passages) if passages else []
        history, candidates = ([titles[item] for item in each] for each in (task.history, task.candidates))
        behind = [titles[task.target]] if taken else candidates
        return self.tokens.sequence(history, found, behind, candidates if self.settings.listed else ())

    def _unprompted(self, task: Task) -> Sequenced:
        """Return the prompt without history and passages."""
        titles = [self.items.titles[item] for item in task.candidates]
        return self.tokens.sequence([], [], titles, titles if self.settings.listed else ())

    def _sequence_model(self, old: list[list[int]], asked: Sequence[Sequence[Task]]) -> Scored:
        model = sequence_model(old, len(self.items.titles), self.settings.seed, self.settings.epochs)
        return Scored(*_both(lambda tasks: model_scores(model, tasks), asked))

    def _stored(self, name: str, score: Callable[[], Scored]) -> Scored:
        file = self._file(name)
        if not file.is_file():
            found = {part: values for part, values in score()._asdict().items() if values is not None}
            working = file.with_suffix(".writing.npz")
            np.savez(working, **found)
            working.rename(file)
            self.say(f"{self.work.name}: {name}: done")
        with whole(file), np.load(file) as kept:
            return Scored(**kept)

    def _file(self, name: str) -> Path:
        return self.work / f"{name.replace(', ', '-').replace(' ', '_')}.npz"


def with_heads(layers: Sequence[int]) -> str:
    """Return the name of the row with MP-Heads in these layers."""
    return f"tuned, MP-Head {'+'.join(map(str, layers))}"


def prepare(
    folder: Path, name: str, noise: str, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase,
    settings: AblationSettings, work: Path, say: Say, writer: QueryWriter | None = None,
) -> Ablation:  # fmt: skip
    """Read the sets, draw the tasks and open the search index; without a writer, key phrases are searched."""
    items = read_items(folder, name)
    work.mkdir(parents=True, exist_ok=True)
    tokens = PromptTokens(tokenizer)
    evidence = ItemEvidence(items, read_items(folder, noise), tokens.count, settings.noise, settings.seed, work, writer)
    splits = split(items, settings.train, settings.validation, settings.test, settings.seed)
    return Ablation(items, splits, evidence, model, tokens, settings, work, say)


def _both(score: Callable[[Sequence[Task]], NDArray[np.float64]], asked: Sequence[Sequence[Task]]) -> Pair:
    return score(asked[0]), score(asked[1])
