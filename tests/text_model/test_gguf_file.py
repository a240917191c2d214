from __future__ import annotations

from pathlib import Path

import pytest
import torch
from transformers import PreTrainedModel

from configs.reading import SettingsError
from text_model.causal import load_causal
from text_model.gguf_file import folder_of, write_gguf

gguf = pytest.importorskip("gguf")  # the extra `llm`


@pytest.fixture
def base(tmp_path: Path) -> Path:
    import tiny_gguf

    return tiny_gguf.save(tmp_path / "tiny.gguf", gguf.GGMLQuantizationType.Q8_0)


def opened(file: Path, work: Path) -> PreTrainedModel:
    return load_causal(str(folder_of(file, work)))[0]


def tensors(file: Path) -> dict[str, tuple[str, bytes]]:
    return {tensor.name: (tensor.tensor_type.name, tensor.data.tobytes()) for tensor in gguf.GGUFReader(file).tensors}


def test_an_unchanged_model_is_written_as_it_was(base: Path, tmp_path: Path) -> None:
    write_gguf(base, opened(base, tmp_path), tmp_path / "same.gguf")
    assert tensors(tmp_path / "same.gguf") == tensors(base)


def test_a_fine_tuned_model_reads_back(base: Path, tmp_path: Path) -> None:
    model = opened(base, tmp_path)
    torch.manual_seed(0)
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(0.1 * torch.randn_like(weight))
    write_gguf(base, model, tmp_path / "tuned.gguf")
    read = opened(tmp_path / "tuned.gguf", tmp_path).state_dict()
    for name, weight in model.state_dict().items():
        step = float(weight.abs().max()) / 127  # of eight bits
        assert float((read[name] - weight).abs().max()) <= step, name
    assert {kind for kind, _ in tensors(tmp_path / "tuned.gguf").values()} == {"F32", "Q8_0"}


def test_the_settings_and_the_tokenizer_are_those_of_the_base(base: Path, tmp_path: Path) -> None:
    write_gguf(base, opened(base, tmp_path), tmp_path / "same.gguf")
    before, after = (
        {name: field.contents() for name, field in gguf.GGUFReader(file).fields.items()}
        for file in (base, tmp_path / "same.gguf")
    )
    counts = ("GGUF.kv_count", "general.file_type")
    assert {k: v for k, v in after.items() if k not in counts} == {k: v for k, v in before.items() if k not in counts}


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"no\.gguf is not a file: give a GGUF file"):
        folder_of(tmp_path / "no.gguf", tmp_path)
