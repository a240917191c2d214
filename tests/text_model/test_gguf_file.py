from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import PreTrainedModel

from configs.reading import SettingsError
from text_model.causal import load_causal
from text_model.gguf_file import folder_of, write_gguf

gguf = pytest.importorskip("gguf")  # the extra `llm`


@pytest.fixture(params=["llama", "qwen2"])
def base(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    import tiny_gguf

    return tiny_gguf.save(tmp_path / "tiny.gguf", gguf.GGMLQuantizationType.Q4_0, request.param)


def fields(file: Path) -> dict[str, object]:
    return {name: field.contents() for name, field in gguf.GGUFReader(file).fields.items()}


def opened(file: Path, work: Path) -> PreTrainedModel:
    return load_causal(str(folder_of(file, work)))[0]


def tensors(file: Path) -> dict[str, tuple[str, bytes]]:
    return {tensor.name: (tensor.tensor_type.name, tensor.data.tobytes()) for tensor in gguf.GGUFReader(file).tensors}


def test_an_unchanged_model_is_written_as_it_was(base: Path, tmp_path: Path) -> None:
    write_gguf(base, opened(base, tmp_path), "template", tmp_path / "same.gguf")
    assert tensors(tmp_path / "same.gguf") == tensors(base)


def test_tuned_layers_read_back_and_everything_else_is_as_it_was(base: Path, tmp_path: Path) -> None:
    model, tuned = opened(base, tmp_path), tmp_path / "tuned.gguf"
    torch.manual_seed(0)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "proj.weight" in name:
                weight.add_(0.1 * torch.randn_like(weight))
    write_gguf(base, model, "template", tuned)
    read = opened(tuned, tmp_path).state_dict()
    for name, weight in model.state_dict().items():
        step = float(weight.abs().max()) / 127 if "proj.weight" in name else 0.0  # of eight bits
        assert float((read[name] - weight).abs().max()) <= step, name
    before, after = tensors(base), tensors(tuned)
    changed = {name for name, tensor in after.items() if tensor != before[name]}
    assert changed == {name for name in before if "blk." in name and "norm" not in name and "bias" not in name}
    assert {after[name][0] for name in changed} == {"Q8_0"}


def test_the_settings_and_the_tokenizer_are_those_of_the_base_with_a_template(base: Path, tmp_path: Path) -> None:
    write_gguf(base, opened(base, tmp_path), "a template", tmp_path / "same.gguf")
    before, after = fields(base), fields(tmp_path / "same.gguf")
    assert after.pop("tokenizer.chat_template") == "a template"
    count = "GGUF.kv_count"
    assert after.pop(count) == before.pop(count) + 1
    assert after == before
    write_gguf(tmp_path / "same.gguf", opened(base, tmp_path), "another", tmp_path / "again.gguf")
    assert fields(tmp_path / "again.gguf")["tokenizer.chat_template"] == "a template"


@pytest.mark.parametrize("content", [None, b"PK", b"GGUF"])
def test_a_file_that_cannot_be_read_is_named(content: bytes | None, tmp_path: Path) -> None:
    file, why = tmp_path / "no.gguf", "is not a file: give a GGUF file"
    if content is not None:
        file.write_bytes(content)
        why = "could not be read .*: give a whole GGUF file"
    for read in (lambda: folder_of(file, tmp_path), lambda: load_causal(str(file))):
        with pytest.raises(SettingsError, match=rf"^\S*no\.gguf {why}"):
            read()


def without(file: Path, name: str, out: Path, tags: int = 0) -> Path:
    """Copy a file without one of its tensors, and with so many empty tags."""
    reader = gguf.GGUFReader(file)
    writer = gguf.GGUFWriter(out, "llama")
    if tags:
        writer.add_array("general.tags", [""] * tags)
    for key, field in reader.fields.items():
        if not key.startswith("GGUF.") and key != "general.architecture":
            kind, *of = field.types
            writer.add_key_value(key, field.contents(), kind, of[0] if of else None)
    for tensor in reader.tensors:
        if tensor.name != name:
            writer.add_tensor(tensor.name, tensor.data, raw_dtype=tensor.tensor_type)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return out


@pytest.mark.parametrize("base", ["llama"], indirect=True)
def test_a_file_that_lacks_a_tensor_is_refused(base: Path, tmp_path: Path) -> None:
    file = without(base, "blk.0.ffn_down.weight", tmp_path / "part.gguf")
    for read in (lambda: folder_of(file, tmp_path), lambda: load_causal(str(file))):
        with pytest.raises(SettingsError, match=r"part\.gguf .*lacks .*down_proj.*, 1 tensors in all"):
            read()


@pytest.mark.parametrize("base", ["llama"], indirect=True)
def test_an_empty_list_among_the_settings_is_left_out(base: Path, tmp_path: Path) -> None:
    content = without(base, "none", tmp_path / "tagged.gguf", tags=4).read_bytes()
    count = content.index(b"general.tags") + len(b"general.tags") + 8  # after two kinds, of four bytes each
    file = tmp_path / "empty.gguf"  # the writer refuses an empty list; four tags are 32 bytes, an alignment
    file.write_bytes(content[:count] + bytes(8) + content[count + 8 + 32 :])
    assert fields(file)["general.tags"] == []
    write_gguf(file, opened(file, tmp_path), "template", tmp_path / "written.gguf")
    assert "general.tags" not in fields(tmp_path / "written.gguf")
    assert tensors(tmp_path / "written.gguf") == tensors(base)


def test_the_ending_may_have_capitals(base: Path, tmp_path: Path) -> None:
    assert load_causal(str(base.rename(tmp_path / "TINY.GGUF")))[0].config.num_hidden_layers


@pytest.mark.parametrize("base", ["llama"], indirect=True)
def test_damaged_bytes_are_named_if_they_cannot_be_read(base: Path, tmp_path: Path) -> None:
    whole, random, named = base.read_bytes(), np.random.default_rng(0), 0
    for number in range(60):
        place = int(random.integers(8, 2_000))
        file = tmp_path / f"{number}.gguf"
        file.write_bytes(whole[:place] + random.bytes(8) + whole[place + 8 :])
        try:
            load_causal(str(file))
        except SettingsError:
            named += 1
    assert named > 20


def test_files_beside_it_are_not_read(base: Path, tmp_path: Path) -> None:
    for name in ("tokenizer.json", "adapter_config.json"):
        (base.parent / name).write_text("{}")
    alone = base.parent / "alone" / base.name
    alone.parent.mkdir()
    alone.write_bytes(base.read_bytes())
    beside, expected = (load_causal(str(file))[1] for file in (base, alone))
    assert beside.get_vocab() == expected.get_vocab()


@pytest.mark.parametrize("size", [8, 30, 1_000])
def test_a_truncated_file_is_named(size: int, base: Path, tmp_path: Path) -> None:
    (tmp_path / "cut.gguf").write_bytes(base.read_bytes()[:size])
    with pytest.raises(SettingsError, match=r"^\S*cut\.gguf could not be read .*: give a whole GGUF file"):
        load_causal(str(tmp_path / "cut.gguf"))
