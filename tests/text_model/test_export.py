from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from configs import threads
from text_model.export import export, quantize
from text_model.session import OnnxModel
from text_model.tokens import pad

PAGES = [np.array(ids, np.uint32) for ids in ([5, 9, 2], [7] * 20, [1])]


class Words(nn.Module):
    """A small model with the inputs of an encoder: the mean of word vectors, projected."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.words = nn.Embedding(3000, 32)
        self.projection = nn.Linear(32, 8)

    def forward(self, input_ids: Tensor, token_type_ids: Tensor, attention_mask: Tensor) -> Tensor:
        mask = attention_mask.unsqueeze(-1).float()
        return self.projection((self.words(input_ids) * mask).sum(1) / mask.sum(1))


@pytest.fixture(scope="module")
def model() -> Words:
    return Words().eval()


@pytest.fixture(scope="module")
def exported(model: Words, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("export") / "float.onnx"
    export(model, path, ["vector"])
    return path


def trained(model: Words, inputs: dict[str, np.ndarray]) -> np.ndarray:
    with torch.inference_mode():
        return model(**{name: torch.from_numpy(value) for name, value in inputs.items()}).numpy()


@pytest.mark.parametrize("rows", [1, 3])
def test_an_exported_model_matches_torch_at_any_shape(model: Words, exported: Path, rows: int) -> None:
    inputs = pad(PAGES[:rows])
    assert OnnxModel(exported).run(inputs)[0] == pytest.approx(trained(model, inputs), abs=1e-5)


def test_an_input_that_the_model_does_not_use_is_dropped(exported: Path) -> None:
    assert len(OnnxModel(exported).run(pad(PAGES))[0]) == 3  # `token_type_ids` is not in the graph


def test_int8_is_close_to_float(model: Words, exported: Path, tmp_path: Path) -> None:
    quantize(exported, tmp_path / "int8.onnx")
    inputs = pad(PAGES)
    assert OnnxModel(tmp_path / "int8.onnx").run(inputs)[0] == pytest.approx(trained(model, inputs), abs=0.05)


@pytest.mark.parametrize("given", [None, 2])
def test_a_model_runs_on_the_threads_of_the_process_and_these_sleep_while_they_wait(
    exported: Path, given: int | None
) -> None:
    before = threads.used()
    threads.use(1)
    try:
        options = OnnxModel(exported, given)._session.get_session_options()
    finally:
        threads.use(before)
    assert options.intra_op_num_threads == (given or 1)
    assert options.get_session_config_entry("session.intra_op.allow_spinning") == "0"
