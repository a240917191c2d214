"""The steps of the build, in order."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from pipeline.blend import fit_blend
from pipeline.cf import cf_embeddings
from pipeline.coclick import coclicks
from pipeline.config import BuildConfig
from pipeline.counts import count
from pipeline.page_states import page_states
from pipeline.pages import pages
from pipeline.qprime import qprime
from pipeline.quality import labels
from pipeline.read import reader
from pipeline.stage1 import stage1
from pipeline.stage2 import stage2
from pipeline.step import Step
from pipeline.student import student
from pipeline.teachers import teachers
from pipeline.text import text
from pipeline.two_tower import two_tower


def steps(data: Path, until: datetime | None, config: BuildConfig) -> list[Step]:
    """Return every step that makes an artifact, in an order in which each finds what it reads.

    Distillation asks for teachers before the student; a student that judges Q' comes before Q'.
    """
    distil, student_first = config.cross_encoder.distil, config.qprime.judge == "student"
    counted = ("read", "counts")
    recall = (*counted, "text", "pages", "coclick", "cf", "two_tower", "qprime")
    judging = ("ranking.quality.likeness", "ranking.quality.pages", "ranking.quality.rubric")
    examples = (
        "ranking.features", "ranking.examples", "ranking.lightgbm.train", "pipeline.events", "pipeline.leak",
        "pipeline.as_of", "pipeline.label_days", "pipeline.ranking", "pipeline.snapshot",
    )  # fmt: skip
    training = (
        "pipeline.examples", "ranking.cross_encoder.examples", "ranking.cross_encoder.losses",
        "ranking.cross_encoder.model", "pipeline.events", "text_model.base", "text_model.export",
        "text_model.pair_encoder", "text_model.training",
    )  # fmt: skip
    teaching = tuple(f"ranking.teachers.{name}" for name in ("logits", "model", "stamp", "train"))
    taught = Step(
        "teachers", teachers,
        after=(*counted, "text", "two_tower", "cf", *([] if student_first else ["qprime"]), "labels"),
        config=("teachers", "text"), code=(*training, "pipeline.pool", "pipeline.teachers", *teaching), shared=True,
    )  # fmt: skip
    searched = Step(
        "qprime", qprime, after=("read", "text", *(["student"] if student_first else [])),
        config=("qprime", "text"),
        code=(
            "pipeline.qprime", "pipeline.quality", "pipeline.student_judge", "recall.qprime.build",
            "recall.qprime.distinct", "recall.qprime.found", "recall.qprime.words", "recall.qprime.engines.embedded",
            "recall.qprime.generic_queries", "recall.qprime.query_filters", "recall.qprime.query_language",
            "recall.qprime.writers.information_need", "recall.qprime.writers.key_phrases", "recall.qprime.writers.llm",
            "recall.qprime.written", "prompting.prompts", *judging,
        ),
        seeded=False,
    )  # fmt: skip
    return [
        Step(
            "read", reader(data, until), config=("examples", "fragment_hosts"),
            code=("corpus.page_facts", "corpus.reader", "corpus.text", "corpus.url"), seeded=False,
        ),
        Step(
            "text", text, after=("read",), config=("text",), code=(
                "pipeline.text", "text_model.base", "text_model.export", "text_model.tokens",
                "recall.two_tower.build", "recall.ann",
            ),
            seeded=False,
        ),
        Step(
            "counts", count, after=("read",), config=("engine", "examples", "reach"),
            code=("corpus.counts", "recall.coclick.build", "pipeline.counts", "pipeline.label_days"), seeded=False,
        ),
        Step(
            "pages", pages, after=(*counted, "text"), code=("store.page_row", "recall.popular.build"), seeded=False,
        ),
        Step(
            "coclick", coclicks, after=(*counted, "text"), config=("coclick", "engine"),
            code=("recall.coclick.build", "recall.coclick.row"), seeded=False,
        ),
        Step("cf", cf_embeddings, after=counted, config=("cf",), code=("recall.cf.build", "recall.ann")),
        Step(
            "two_tower", two_tower, after=(*counted, "text"), config=("two_tower", "text"),
            code=("pipeline.two_tower", "recall.two_tower.train", "recall.two_tower.build", "recall.ann",
                  "text_model.base", "text_model.export", "text_model.training"),
            shared=True,
        ),
        *([] if student_first else [searched]),
        Step(
            "labels", labels, after=(*counted, "text", "two_tower"), config=("labels", "measured"),
            code=("corpus.label_roles", "pipeline.quality", "pipeline.pairs_to_judge", "pipeline.events", *judging,
                  "prompting.prompt", "prompting.prompts", "prompting.scores"),
        ),
        *([taught] if distil else []),
        Step(
            "student", student, after=(*counted, "text", "labels", *(["teachers"] if distil else [])),
            config=("cross_encoder", "text"),
            code=(*training, "pipeline.student", "ranking.cross_encoder.train", "ranking.cross_encoder.weights",
                  "ranking.cross_encoder.export"),
            shared=True,
        ),
        Step(
            "page_states", page_states, after=("text", "pages", "student"), config=("page_states",),
            code=("pipeline.page_states", "ranking.cross_encoder.page_states"), seeded=False,
        ),
        *([searched] if student_first else []),
        Step("stage1", stage1, after=(*recall, "labels"), config=("examples", "stage1"), code=examples),
        Step(
            "stage2", stage2, after=(*recall, "labels", "stage1", "student"), config=("examples", "stage2"),
            code=examples,
        ),
        Step("blend", fit_blend, after=("stage2",), config=("quality_weight",), code=("ranking.blend",)),
    ]  # fmt: skip
