"""Language models as GGUF files, the format of llama.cpp: read into `transformers`, and written after fine-tuning."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase

from configs.reading import SettingsError
from store.model_files import identity

if TYPE_CHECKING:
    from gguf import GGUFReader, GGUFWriter, ReaderTensor

#: The architectures that can be written. True: the rows of query and key matrices have another order in the file.
_INTERLEAVED = {"llama": True, "qwen2": False}
_TEMPLATE = "tokenizer.chat_template"
#: What reading a damaged file may raise.
_UNREADABLE = (
    ImportError, OSError, ValueError, RuntimeError, ArithmeticError, LookupError, TypeError, struct.error,
)  # fmt: skip
_WRITTEN_BY_THE_WRITER = ("GGUF.version", "GGUF.tensor_count", "GGUF.kv_count", "general.architecture")


def folder_of(file: Path, work: Path) -> Path:
    """Return a folder of `transformers` with the file's model in float32, made in `work` once (a minute or two).

    Raises SettingsError if there is no such file, or it cannot be read.
    """
    folder = work / identity(str(_present(file)))
    if not folder.is_dir():
        model, tokenizer = load(file, torch.float32)
        del model.config.quantization_config  # the weights are plain numbers now, but would refuse to be saved
        plain = type(model)(model.config)
        plain.load_state_dict(model.state_dict())
        working = folder.with_name(f"{folder.name}.writing")
        plain.save_pretrained(working)
        tokenizer.save_pretrained(working)
        working.rename(folder)
    return folder


def _present(file: Path) -> Path:
    if not file.is_file():
        raise SettingsError(f"{file} is not a file: give a GGUF file, a folder or a hub name")
    return file


def load(file: Path, dtype: torch.dtype, attention: str = "sdpa") -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Return the file's model and tokenizer. Raises SettingsError if it cannot be read, or is not whole.

    `transformers` reads other files of its folder too, and gives tensors that the file lacks random values.
    """
    whole = _present(file).resolve()
    try:
        with TemporaryDirectory() as folder:
            (Path(folder) / "model.gguf").symlink_to(whole)
            opened: Any = AutoModelForCausalLM.from_pretrained(
                folder, dtype=dtype, attn_implementation=attention, gguf_file="model.gguf", output_loading_info=True
            )
            model, told = opened
            tokenizer = AutoTokenizer.from_pretrained(folder, gguf_file="model.gguf")
        if lacking := sorted(told["missing_keys"]):
            raise ValueError(f"it lacks {lacking[0]}, {len(lacking)} tensors in all; of a split file, join the parts")
    except _UNREADABLE as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        mend = "install the extra llm" if isinstance(error, ImportError) else "give a whole GGUF file, or a folder"
        raise SettingsError(f"{file} could not be read ({reason}): {mend}") from error
    return model, tokenizer


def writable(file: Path) -> bool:
    """Return whether `write_gguf` can write models that were fine-tuned from this GGUF file."""
    from gguf import GGUFReader

    return _architecture(GGUFReader(file)) in _INTERLEAVED


def write_gguf(base: Path, model: PreTrainedModel, chat_template: str, out: Path) -> None:
    """Write a model whose linear layers were fine-tuned from the `writable` GGUF file `base`.

    A quantized matrix of them is written in eight bits (Q8_0), one that is not quantized in its own kind, and all other
    tensors, the tokenizer and the settings as they were. `chat_template` is for a file without one.
    """
    from gguf import GGUFReader, GGUFWriter

    reader = GGUFReader(base)
    architecture = _architecture(reader)
    working = out.with_name(f".{out.name}.writing")
    writer = GGUFWriter(working, architecture)
    writer.data_alignment = reader.alignment
    tuned = _linear_layers(model, architecture, int(reader.fields[f"{architecture}.block_count"].contents()))
    requantized = False
    for tensor, values, kind in _tensors(reader, tuned):
        requantized |= kind != tensor.tensor_type
        writer.add_tensor(tensor.name, values, raw_dtype=kind)
    _copy_settings(reader, writer, chat_template, requantized)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    working.replace(out)


def _architecture(reader: GGUFReader) -> str:
    return str(reader.fields["general.architecture"].contents())


def _copy_settings(reader: GGUFReader, writer: GGUFWriter, chat_template: str, requantized: bool) -> None:
    from gguf import GGUFValueType, LlamaFileType

    if _TEMPLATE not in reader.fields:
        writer.add_chat_template(chat_template)
    for name, field in reader.fields.items():
        if name == "general.file_type" and requantized:
            writer.add_file_type(LlamaFileType.MOSTLY_Q8_0)
        elif name not in _WRITTEN_BY_THE_WRITER:
            kind, *of = field.types
            if kind != GGUFValueType.ARRAY:
                writer.add_key_value(name, field.contents(), kind)
            elif of:  # an empty array has no kind of elements, and says nothing
                writer.add_key_value(name, field.contents(), kind, of[0])


def _linear_layers(model: PreTrainedModel, architecture: str, layers: int) -> dict[str, NDArray[np.float32]]:
    """Return the matrices of the model's layers by their names in a GGUF file, in its order of rows."""
    from gguf import MODEL_ARCH_NAMES, get_tensor_name_map

    of_name = {name: number for number, name in MODEL_ARCH_NAMES.items()}
    names = get_tensor_name_map(of_name[architecture], layers)
    heads = {"attn_q": model.config.num_attention_heads, "attn_k": model.config.num_key_value_heads}
    found = {}
    for name, weight in model.state_dict().items():
        written = names.get_name(name, try_suffixes=(".weight", ".bias"))
        if written is None or not written.startswith("blk.") or weight.dim() != 2:
            continue
        values = weight.detach().to("cpu", torch.float32).numpy()
        kind = written.split(".")[-2]
        found[written] = _interleaved(values, heads[kind]) if _INTERLEAVED[architecture] and kind in heads else values
    return found


def _interleaved(rows: NDArray[np.float32], heads: int) -> NDArray[np.float32]:
    """Return a query or key matrix with the two halves of each head, which rotate together, row by row in turn."""
    halves = rows.reshape(heads, 2, -1, *rows.shape[1:])
    return np.ascontiguousarray(halves.swapaxes(1, 2).reshape(rows.shape))


def _tensors(
    reader: GGUFReader, weights: dict[str, NDArray[np.float32]]
) -> Iterator[tuple[ReaderTensor, NDArray[Any], Any]]:
    from gguf import GGMLQuantizationType as Kind
    from gguf.quants import dequantize, quantize

    plain = (Kind.F32, Kind.F16, Kind.BF16)
    for tensor in reader.tensors:
        values = weights.get(tensor.name)
        if values is None or np.array_equal(values, dequantize(tensor.data, tensor.tensor_type)):
            yield tensor, tensor.data, tensor.tensor_type
        else:
            kind = tensor.tensor_type if tensor.tensor_type in plain else Kind.Q8_0
            yield tensor, quantize(values, kind), kind
