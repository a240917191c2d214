"""What changes a step's output from outside the configuration is in its key; what does not, is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from configs.reading import SettingsError
from pipeline.config import BuildConfig
from pipeline.cross_encoder import student, teachers
from pipeline.labels import judge
from pipeline.pages import text
from pipeline.runner.step import Step
from recall.qprime import step as qprime

LLM_WRITER = BuildConfig.model_validate({"qprime": {"writer": "llm"}})
LLM_JUDGE = BuildConfig.model_validate({"labels": {"judge": "llm"}})
OPENSEARCH = BuildConfig.model_validate({"qprime": {"engine": "opensearch"}})
CAUSAL = {"writer": "information_need"}


def external(step: Step, config: BuildConfig) -> object:
    assert step.external is not None
    return step.external(config)


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "LLM_MODEL": "small", "LLM_KEY": "secret", "SEARCH_URL": "http://search.example", "SEARCH_INDEX": "pages",
    }.items():  # fmt: skip
        monkeypatch.setenv(f"ONWARD_{name}", value)


@pytest.mark.parametrize(
    ("name", "value"),
    [("MODEL", "large"), ("BASE_URL", "http://other.example"), ("TOP_LOGPROBS", "5")],
)
def test_another_model_or_endpoint_is_another_judge_and_another_writer(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    before = external(qprime.STEP, LLM_WRITER), external(judge.STEP, LLM_JUDGE), external(judge.STEP, BuildConfig())
    monkeypatch.setenv(f"ONWARD_LLM_{name}", value)
    after = external(qprime.STEP, LLM_WRITER), external(judge.STEP, LLM_JUDGE), external(judge.STEP, BuildConfig())
    assert [a == b for a, b in zip(before, after, strict=True)] == [False, False, True]


@pytest.mark.parametrize(
    ("name", "value"), [("KEY", "another"), ("CONCURRENCY", "2"), ("MAX_TOKENS", "9"), ("TIMEOUT_S", "3")]
)
def test_another_key_or_limit_is_the_same_endpoint(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    before = external(qprime.STEP, LLM_WRITER), external(judge.STEP, LLM_JUDGE)
    monkeypatch.setenv(f"ONWARD_LLM_{name}", value)
    assert (external(qprime.STEP, LLM_WRITER), external(judge.STEP, LLM_JUDGE)) == before


@pytest.mark.parametrize(
    ("name", "value", "same"),
    [("URL", "http://other.example", False), ("INDEX", "posts", False), ("FIELDS", "body", False),
     ("PER_SECOND", "3", True), ("KEY", "secret", True)],
)  # fmt: skip
def test_another_cluster_or_index_is_another_search(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, same: bool
) -> None:
    before = external(qprime.STEP, OPENSEARCH), external(qprime.STEP, BuildConfig())
    monkeypatch.setenv(f"ONWARD_SEARCH_{name}", value)
    assert external(qprime.STEP, BuildConfig()) == before[1]
    assert (external(qprime.STEP, OPENSEARCH) == before[0]) is same


def test_no_secret_is_in_what_counts() -> None:
    assert "secret" not in str(external(qprime.STEP, LLM_WRITER)) + str(external(judge.STEP, LLM_JUDGE))


def test_a_search_that_is_not_set_up_is_said_before_any_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ONWARD_SEARCH_INDEX")
    with pytest.raises(SettingsError, match="ONWARD_SEARCH_INDEX is not set"):
        external(qprime.STEP, OPENSEARCH)
    assert external(qprime.STEP, BuildConfig.model_validate({"qprime": {"engine": "opensearch", "keep": 0}})) is None


def _model(folder: Path, weights: str) -> str:
    (folder / "parts").mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    (folder / "parts/model.safetensors").write_text(weights)
    return str(folder)


def test_a_model_on_disk_counts_by_its_files(tmp_path: Path) -> None:
    one, same, other = (_model(tmp_path / name, text) for name, text in (("1", "a"), ("2", "a"), ("3", "b")))

    def of(path: str) -> list[object]:
        config = BuildConfig.model_validate(
            {
                "text": {"base": path}, "teachers": {"base": path}, "cross_encoder": {"warm_start": path},
                "qprime": {"writer": "information_need", "causal": path},
            }
        )  # fmt: skip
        return [external(text.STEP, config), external(teachers.STEP, config), external(student.STEP, config),
                external(qprime.STEP, config)]  # fmt: skip

    assert of(one) == of(same)
    assert all(a != b for a, b in zip(of(one), of(other), strict=True))


def test_a_packaged_model_counts_and_one_of_the_hub_is_known_by_its_name() -> None:
    assert external(text.STEP, BuildConfig()) != external(
        text.STEP, BuildConfig.model_validate({"text": {"base": "someone/a-model"}})
    )
