"""The `answers` table: lists that the cascade has ranked before they are asked for, and what they were made from."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import xxhash
from pydantic import BaseModel, ConfigDict, ValidationError

from cascade.executor import NOT_RECALLED, RANK
from cascade.trace import Trace
from cascade.types import Candidates, Query
from ranking.blend import LLM
from ranking.features import STAGE1, STAGE2
from recall.paths import PATHS as RECALL_PATHS
from store import answer_row
from store.answer_row import NotStorable, StoredList

#: The table's file in a bundle.
TABLE = "answers"
FILE = f"tables/{TABLE}.lmdb"

#: The recall paths, in the order of a row's ranks.
PATHS = tuple(path.name for path in RECALL_PATHS)

#: The key of the table's head; no page has it.
HEAD = 0

#: Who scored a table's pairs: the cross-encoder that serves, or its larger teachers, which a bundle then holds.
STUDENT, TEACHER = "student", "teacher"
TEACHERS = "teachers"  # their folder

_MODELS = ("stage1/", "stage2/", "cross_encoder/", f"{TEACHERS}/")  # folders of a bundle that hold the models
_OTHERS = ("blend.json", "tokenizer.json")
_NOT_MODELS = ("page_states", "student")  # what a model has read, and weights that are not served


class Head(BaseModel):
    """What a table's lists were made from. A bundle with another head is not theirs."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    paths: tuple[str, ...] = PATHS  # in the order of a row's ranks
    features: dict[str, tuple[str, ...]] = {"stage1": STAGE1, "stage2": STAGE2}
    models: dict[str, str]  # path in the bundle -> BLAKE3
    limits: dict[str, int]  # how many candidates each part passes on

    @classmethod
    def of(cls, files: Mapping[str, str], limits: Mapping[str, int]) -> Head:
        """Return the head for a bundle's files, each with its hash."""
        return cls(models={name: files[name] for name in sorted(filter(is_model, files))}, limits=dict(limits))

    @property
    def model(self) -> str:
        """Who scored the pairs: STUDENT or TEACHER."""
        return TEACHER if any(name.startswith(f"{TEACHERS}/") for name in self.models) else STUDENT

    def problem(self, bundle: Head) -> str | None:
        """Return why these lists are not of the bundle with this head; its limits may differ."""
        if (self.paths, self.features) != (bundle.paths, bundle.features):
            return "its features or recall paths are others than this version's"
        if self.model != bundle.model:
            return f"the {self.model} scored its lists, and the bundle's are the {bundle.model}'s"
        for name in sorted({*self.models, *bundle.models}):
            if self.models.get(name) != bundle.models.get(name):
                return f"it was made with another {name} than the bundle's"
        return None


def is_model(file: str) -> bool:
    """Return whether a file of a bundle decides how pages are ranked."""
    folder, _, name = file.rpartition("/")
    return file in _OTHERS or (f"{folder}/" in _MODELS and not name.startswith(_NOT_MODELS))


def read_head(row: bytes | None) -> Head | None:
    """Return the head from its row; None where there is none, or one that this version cannot read."""
    try:
        return Head.model_validate_json(row or b"")
    except ValidationError:
        return None


def is_row(page: int, row: bytes) -> bool:
    """Whether bytes are a valid row of a page, or a valid head."""
    return answer_row.is_row(page, row) if page != HEAD else read_head(row) is not None


def pack(query: Query, ranked: Candidates, trace: Trace, inputs: int) -> bytes:
    """Return the row of a whole list; its trace must have recorded what was dropped. Raises NotStorable."""
    if trace.degraded:
        raise NotStorable(", ".join(trace.degraded))
    best, recalled = ranked.take(slice(0, answer_row.MOST)), len(trace.stages["merge"])
    ranks = np.stack([best.columns.get(f"{RANK}{name}", np.full(len(best), NOT_RECALLED)) for name in PATHS])
    dropped: dict[str, int] = {}
    for reason in trace.dropped.values():
        dropped[reason] = dropped.get(reason, 0) + 1
    dropped["below"] = recalled - sum(dropped.values()) - len(best)
    scores = (best["stage2"], best["quality"], best["click"])
    cut = trace.cut or len(best) < len(ranked)
    return answer_row.pack(query.page, StoredList(best.pages, *scores, ranks.astype(np.uint16), cut, dropped, inputs))


def candidates(stored: StoredList) -> Candidates:
    """Return a stored list with the columns that the last stage reads, and its ranks."""
    ranks = {f"{RANK}{name}": column for name, column in zip(PATHS, stored.ranks, strict=True)}
    scores = {"stage2": stored.stage2, "quality": stored.quality, "click": stored.click}
    asked = {} if stored.llm is None else {LLM: stored.llm}
    return Candidates(stored.pages, {**ranks, **scores, **asked})


def inputs_of(query: Query, filtered: Candidates) -> int:
    """Return a 32-bit hash of what ranking reads of a page: its candidates after the filters, and the page itself."""
    digest = xxhash.xxh3_64()
    if query.trigger is not None:
        digest.update(query.trigger.facts.tobytes() + query.trigger.tokens.tobytes())
    for name in sorted(filtered.columns):
        if filtered[name].dtype.kind not in "OU":  # rows hold the texts, which ranking reads as tokens
            digest.update(name.encode())
            digest.update(np.ascontiguousarray(filtered[name]).tobytes())
    digest.update(filtered.pages.tobytes())
    return digest.intdigest() & 0xFFFFFFFF
