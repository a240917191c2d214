from __future__ import annotations

import pytest

from ranking.assembly import Choices
from ranking.stored_answers import HEAD, Head, is_model, is_row, read_head

FILES = {"blend.json": "b", "stage2/model.txt": "2", "cross_encoder/pairs.onnx": "p", "tables/pages.lmdb": "t"}


def head(**changed: str) -> Head:
    return Head.of({**FILES, **{name.replace("__", "/") + ".txt": value for name, value in changed.items()}}, {})


@pytest.mark.parametrize(
    ("file", "model"),
    [
        ("blend.json", True),
        ("stage1/model_start.txt", True),
        ("cross_encoder/pairs.onnx", True),
        ("cross_encoder/page_states.npy", False),
        ("cross_encoder/student.safetensors", False),
        ("teachers/click.onnx", True),
        ("tables/qprime.lmdb", False),
        ("identity/valid_until.npy", False),
    ],
)
def test_what_decides_the_ranking_is_a_model(file: str, model: bool) -> None:
    assert is_model(file) == model


def test_a_head_is_read_as_it_was_written() -> None:
    assert read_head(head().model_dump_json().encode()) == head()


def test_the_head_of_the_same_files_has_no_problem() -> None:
    assert head().problem(head()) is None


def test_another_model_is_named() -> None:
    assert "stage2/model.txt" in (head().problem(head(stage2__model="other")) or "")


def test_a_missing_model_is_named() -> None:
    fewer = Head.of({name: value for name, value in FILES.items() if name != "blend.json"}, {})
    assert "blend.json" in (fewer.problem(head()) or "")


def test_who_scored_the_lists_is_part_of_what_they_are() -> None:
    teacher = head(teachers__click="c")
    assert (head().model, teacher.model) == ("student", "teacher")
    assert "the student scored its lists" in (head().problem(teacher) or "")
    assert "the teacher scored its lists" in (teacher.problem(head()) or "")
    assert "teachers/click.txt" in (teacher.problem(head(teachers__click="other")) or "")


def test_other_features_are_a_problem() -> None:
    old = head().model_copy(update={"features": {"stage1": ("depth",), "stage2": ()}})
    assert "features" in (old.problem(head()) or "")


@pytest.mark.parametrize("row", [b"", b"{}", b"not JSON", b'{"models": {}, "limits": {}, "more": 1}'])
def test_what_is_no_head_is_not_read(row: bytes) -> None:
    assert read_head(row) is None
    assert not is_row(HEAD, row)


def test_the_limits_of_the_default_settings_are_those_of_a_build() -> None:
    from service.bundles.opening import choices
    from service.settings import Settings

    assert choices(Settings()).limits() == Choices().limits()
