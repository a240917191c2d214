"""Local causal language models: loads them, and turns conversations into prompts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase
from transformers.utils import logging as transformers_logging

from configs.reading import SettingsError
from store.model_files import is_gguf
from text_model import gguf_file

transformers_logging.set_verbosity_error()
transformers_logging.disable_progress_bar()

#: For a tokenizer without a chat template; it is saved with the model, so that a server uses it too.
FALLBACK_TEMPLATE = (
    "{{ bos_token or '' }}"
    "{% for message in messages %}"
    "{% if message['role'] == 'assistant' %}### Response:\n{{ message['content'] }}{{ eos_token }}"
    "{% else %}### Instruction:\n{{ message['content'] }}\n\n{% endif %}"
    "{% endfor %}"
    "{% if add_generation_prompt %}### Response:\n{% endif %}"
)

#: `role` and `content`, as in the chat format of OpenAI.
Message = Mapping[str, str]


def load_causal(name: str, attention: str = "sdpa") -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Return the model in evaluation mode and its tokenizer, which has a chat template.

    `name` is a directory, a GGUF file (needs the extra `llm`) or a hub name.

    The weights are bfloat16 if a GPU supports it, else float32; they stay on the CPU. `attention` is the name of an
    attention implementation of `transformers`. Raises SettingsError if the model cannot be loaded.
    """
    half = torch.cuda.is_available() and torch.cuda.is_bf16_supported()
    dtype = torch.bfloat16 if half else torch.float32
    load = _load_gguf if is_gguf(name) else _load
    model, tokenizer = load(name, dtype, attention)
    if tokenizer.eos_token is None:
        raise SettingsError(f"the tokenizer of {name!r} has no end-of-sequence token: set eos_token")
    if tokenizer.chat_template is None:
        tokenizer.chat_template = FALLBACK_TEMPLATE
    return cast(PreTrainedModel, model.eval()), tokenizer


def _load_gguf(name: str, dtype: torch.dtype, attention: str) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    return gguf_file.load(Path(name), dtype, attention)


def _load(name: str, dtype: torch.dtype, attention: str) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    try:
        tokenizer = AutoTokenizer.from_pretrained(name)
        model = AutoModelForCausalLM.from_pretrained(name, attn_implementation=attention, dtype=dtype)
    except (ImportError, OSError, ValueError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise SettingsError(
            f"no causal language model could be loaded from {name!r} ({reason}): give a path or a name"
        ) from error
    return model, tokenizer


def prompt_text(tokenizer: PreTrainedTokenizerBase, messages: Sequence[Message]) -> str:
    """Return the prompt for the model's answer to these messages."""
    return cast(str, tokenizer.apply_chat_template(list(messages), tokenize=False, add_generation_prompt=True))


def prompt_and_answer(tokenizer: PreTrainedTokenizerBase, messages: Sequence[Message]) -> tuple[str, str]:
    """Return the prompt and the expected answer, which is the last message with the end-of-sequence token.

    Raises SettingsError for a chat template that does not put the answer after its prompt.
    """
    prompt = prompt_text(tokenizer, messages[:-1])
    whole = cast(str, tokenizer.apply_chat_template(list(messages), tokenize=False))
    if not whole.startswith(prompt):
        raise SettingsError("the chat template's prompt is not a prefix of the conversation: set another template")
    answer = whole[len(prompt) :]
    end = str(tokenizer.eos_token)
    return prompt, answer if end in answer else answer + end


def token_ids(tokenizer: PreTrainedTokenizerBase, text: str) -> list[int]:
    """Return the tokens of a text made by a chat template, which adds its own special tokens."""
    return cast("list[int]", tokenizer(text, add_special_tokens=False)["input_ids"])
