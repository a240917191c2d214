"""A causal language model small enough for tests: two layers, and a tokenizer trained on a few sentences."""

from __future__ import annotations

from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    GPTNeoConfig,
    GPTNeoForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)

TEXT = [
    "The red fox hunts small rodents at night, and is kin to the arctic fox of the tundra.",
    "Write web search queries that a reader might ask next. Answer with a JSON list of query and relevance.",
    '[{"query":"arctic fox tundra","relevance":0.9},{"query":"small rodents","relevance":0.5}] N/A 1 2 3 4 5 6 7 8',
    "Äpfel und Birnen, 狐は夜に狩りをする。",
]


def tokenizer() -> PreTrainedTokenizerFast:
    """Return a byte-level BPE tokenizer of some 400 tokens, without a chat template."""
    raw = Tokenizer(models.BPE())
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=400, special_tokens=["<s>", "</s>"], initial_alphabet=alphabet, show_progress=False
    )
    raw.train_from_iterator(TEXT, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=raw, bos_token="<s>", eos_token="</s>")


def model(kind: str = "llama", words: int = 400, seed: int = 0) -> PreTrainedModel:
    """Return a Llama, GPT-2 or GPT-Neo with random weights, the same each time, with eager attention."""
    torch.manual_seed(seed)
    marks = {"bos_token_id": 0, "eos_token_id": 1, "attn_implementation": "eager", "vocab_size": words}
    if kind == "gpt2":
        made: PreTrainedModel = GPT2LMHeadModel(GPT2Config(n_embd=32, n_layer=2, n_head=4, n_positions=1024, **marks))
    elif kind == "gpt_neo":
        layers = [[["global", "local"], 1]]
        made = GPTNeoForCausalLM(
            GPTNeoConfig(hidden_size=32, num_layers=2, num_heads=4, attention_types=layers, **marks)
        )
    else:
        made = LlamaForCausalLM(
            LlamaConfig(
                hidden_size=32, intermediate_size=64, num_hidden_layers=3, num_attention_heads=4,
                num_key_value_heads=2, max_position_embeddings=1024, **marks,
            )
        )  # fmt: skip
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.mul_(4)  # with random weights of the usual size, attention is nearly uniform
    return made.eval()


def save(path: Path, kind: str = "llama", seed: int = 0) -> str:
    """Write model and tokenizer as `from_pretrained` reads them; return the path as text."""
    words = tokenizer()
    model(kind, len(words), seed).save_pretrained(path)
    words.save_pretrained(path)
    return str(path)
