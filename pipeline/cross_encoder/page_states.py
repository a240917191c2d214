"""The step that precomputes the cross-encoder's lower layers for the most clicked pages."""

from __future__ import annotations

import numpy as np

from pipeline.cross_encoder.student_files import EXPORTED
from pipeline.log.split import ALL
from pipeline.pages.page_tokens import page_tokens
from pipeline.runner.progress import progress
from pipeline.runner.step import Step
from pipeline.runner.work import Work
from ranking.cross_encoder import page_states as states
from ranking.cross_encoder.pairs import PAGES
from text_model.session import OnnxModel


def page_states(work: Work) -> dict[str, object]:
    """Write the states of the most clicked pages; none if the cross-encoder reads pages only in pairs."""
    model = work.of("student") / EXPORTED / PAGES
    if not model.is_file():
        return {"pages": 0}
    tokens = page_tokens(work)
    clicks = np.load(work.of("pages") / ALL / "facts.npy")["clicks_all"].astype(np.int64)
    wanted = [tokens[row] for row in np.argsort(-clicks, kind="stable").tolist()]
    most = int(work.config.page_states.most_mb * 1e6)
    with progress("reading pages", len(wanted)) as advance:
        return {"pages": states.write(work.directory, wanted, OnnxModel(model), tokens.tokenizer.marks, most, advance)}


STEP = Step(
    "page_states",
    page_states,
    after=("text", "pages", "student"),
    config=("page_states",),
    seeded=False,
    resumes=True,
)
