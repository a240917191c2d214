"""Which encoder teachers and student start from, by the settings and by what the step `text` chose."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipeline.config import BuildConfig
from pipeline.cross_encoder.adapted import adapted, base_of, student_base_of
from pipeline.cross_encoder.teacher_pages import bases_of_teachers, teacher_settings
from pipeline.runner.work import Work
from text_model.packaged import AUTO, MPNET, MULTILINGUAL, PACKAGED


def config(teachers: str = AUTO, text: str = AUTO, distil: bool = True, **adaptation: object) -> BuildConfig:
    sections = {"teachers": {"base": teachers}, "text": {"base": text}, "cross_encoder": {"distil": distil}}
    return BuildConfig.model_validate({**sections, "adaptation": adaptation})


def work(root: Path, settings: BuildConfig, chosen: str, tokens: int) -> Work:
    """Return the work of a build whose step `text` chose an encoder."""
    (root / "text").mkdir()
    (root / "text/encoder.json").write_text(json.dumps({"base": chosen, "tokens_per_page": tokens}))
    return Work(settings, root / "teachers", root)


@pytest.mark.parametrize(
    ("teachers", "text", "expected"),
    [
        (AUTO, ("models/xlmr", 30), ("models/xlmr", 30)),
        (AUTO, (PACKAGED, 30), (PACKAGED, 30)),
        (AUTO, (MULTILINGUAL, 62), (PACKAGED, 22)),
        (MULTILINGUAL, (MULTILINGUAL, 62), (PACKAGED, 22)),
        (MPNET, (PACKAGED, 30), (MPNET, 22)),
    ],
)
def test_teachers_read_what_the_student_reads_or_what_their_base_can(
    tmp_path: Path, teachers: str, text: tuple[str, int], expected: tuple[str, int]
) -> None:
    found = teacher_settings(work(tmp_path, config(teachers), *text))
    assert (found.base, found.tokens_per_page) == expected


def test_the_possible_bases_of_teachers_are_known_before_the_languages() -> None:
    assert bases_of_teachers(config()) == (PACKAGED,)
    assert bases_of_teachers(config(text="models/xlmr")) == ("models/xlmr",)
    assert bases_of_teachers(config(MPNET)) == (MPNET,)


def test_without_adaptation_teachers_and_student_start_from_their_bases(tmp_path: Path) -> None:
    made = work(tmp_path, config(), MULTILINGUAL, 62)
    assert (base_of(made), student_base_of(made)) == (PACKAGED, MULTILINGUAL)


@pytest.mark.parametrize("chosen", [PACKAGED, MULTILINGUAL])
def test_the_student_starts_from_the_adapted_encoder_only_if_it_is_of_its_base(tmp_path: Path, chosen: str) -> None:
    made = work(tmp_path, config(steps=3, student=True), chosen, 22)
    adapted_encoder = str(tmp_path / "adaptation/encoder")
    assert base_of(made) == adapted_encoder
    assert student_base_of(made) == (adapted_encoder if chosen == PACKAGED else chosen)


def test_an_encoder_that_nothing_starts_from_is_not_adapted() -> None:
    assert adapted(config(MPNET, PACKAGED, distil=False, steps=3, student=True)) == ()
    assert adapted(config(PACKAGED, PACKAGED, distil=False, steps=3, student=True)) == ("adaptation",)
