"""The steps of the build, in order."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from pipeline.config import BuildConfig
from pipeline.cross_encoder.page_states import page_states
from pipeline.cross_encoder.student import student
from pipeline.cross_encoder.teachers import teachers
from pipeline.labels.judge import labels
from pipeline.log.counts import count
from pipeline.log.read import reader
from pipeline.pages.facts import pages
from pipeline.pages.text import text
from pipeline.rankers.blend import fit_blend
from pipeline.rankers.stage1 import stage1
from pipeline.rankers.stage2 import stage2
from pipeline.runner import external_inputs as outside
from pipeline.runner.step import Step
from recall.cf.step import cf_embeddings
from recall.coclick.step import coclicks
from recall.qprime.step import qprime
from recall.two_tower.step import two_tower


def steps(data: Path, until: datetime | None, config: BuildConfig) -> list[Step]:
    """Return every step that makes an artifact, in an order in which each finds what it reads.

    Distillation asks for teachers before the student; a student that judges Q' comes before Q'.
    """
    distil, student_first = config.cross_encoder.distil, config.qprime.judge == "student"
    counted = ("read", "counts")
    recall = (*counted, "text", "pages", "coclick", "cf", "two_tower", "qprime")
    taught = Step(
        "teachers", teachers,
        after=(*counted, "text", "two_tower", "cf", *([] if student_first else ["qprime"]), "labels"),
        config=("teachers", "text"), outside=outside.of_teachers, shared=True, resumes=True,
    )  # fmt: skip
    searched = Step(
        "qprime", qprime, after=("read", "text", *(["student"] if student_first else [])),
        config=("qprime", "text"), outside=outside.of_qprime, seeded=False, resumes=True,
    )  # fmt: skip
    return [
        Step(
            "read", reader(data, until),
            config=("examples.label_share", "fragment_hosts", "tracking_parameters", "read", "sessions"), seeded=False,
        ),
        Step("text", text, after=("read",), config=("text",), outside=outside.of_encoder, seeded=False, resumes=True),
        Step(
            "counts", count, after=("read",), config=("engine.name", "examples.days", "examples.groups", "reach"),
            seeded=False,
        ),
        Step("pages", pages, after=(*counted, "text"), seeded=False),
        Step("coclick", coclicks, after=(*counted, "text"), config=("coclick", "engine.name"), seeded=False),
        Step("cf", cf_embeddings, after=counted, config=("cf",)),
        Step("two_tower", two_tower, after=(*counted, "text"), config=("two_tower", "text"), shared=True, resumes=True),
        *([] if student_first else [searched]),
        Step(
            "labels", labels, after=(*counted, "text", "two_tower"), config=("labels", "measured"),
            outside=outside.of_labels,
        ),
        *([taught] if distil else []),
        Step(
            "student", student, after=(*counted, "text", "labels", *(["teachers"] if distil else [])),
            config=("cross_encoder", "text"), outside=outside.of_student, shared=True, resumes=True,
        ),
        Step(
            "page_states", page_states, after=("text", "pages", "student"), config=("page_states",),
            seeded=False, resumes=True,
        ),
        *([searched] if student_first else []),
        Step("stage1", stage1, after=(*recall, "labels"), config=("examples", "stage1")),
        Step("stage2", stage2, after=(*recall, "labels", "stage1", "student"), config=("examples", "stage2")),
        Step("blend", fit_blend, after=("stage2",), config=("quality_weight",)),
    ]  # fmt: skip
