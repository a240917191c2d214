"""A language model small enough for tests as llama.cpp reads it: one layer with random weights."""

from __future__ import annotations

import json
from pathlib import Path

import gguf
import gguf.quants
import numpy as np
import tiny_causal

WIDTH, HEADS, INNER, CONTEXT = 32, 4, 64, 1_024


def save(
    path: Path, kind: gguf.GGMLQuantizationType = gguf.GGMLQuantizationType.F32, architecture: str = "llama"
) -> Path:
    """Write the model, with the tokenizer of `tiny_causal`, and return the path; `kind` is that of its matrices."""
    words = tiny_causal.tokenizer()
    vocabulary = json.loads(words.backend_tokenizer.to_str())["model"]
    tokens = sorted(vocabulary["vocab"], key=vocabulary["vocab"].__getitem__)
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(1)
    writer.add_feed_forward_length(INNER)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS // 2)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("default")
    writer.add_token_list(tokens)
    kinds = [gguf.TokenType.CONTROL if token in ("<s>", "</s>") else gguf.TokenType.NORMAL for token in tokens]
    writer.add_token_types(kinds)
    writer.add_token_merges([" ".join(pair) for pair in vocabulary["merges"]])
    writer.add_bos_token_id(words.bos_token_id)
    writer.add_eos_token_id(words.eos_token_id)
    generator = np.random.default_rng(0)
    if architecture == "qwen2":
        for name, width in (("q", WIDTH), ("k", WIDTH // 2), ("v", WIDTH // 2)):
            writer.add_tensor(f"blk.0.attn_{name}.bias", generator.normal(size=width).astype(np.float32))
    for name, shape in _shapes(len(tokens)).items():
        if name.endswith("norm.weight"):
            writer.add_tensor(name, np.ones(shape, np.float32))
        else:
            matrix = generator.normal(size=shape).astype(np.float32)
            writer.add_tensor(name, gguf.quants.quantize(matrix, kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _shapes(words: int) -> dict[str, tuple[int, ...]]:
    square = {f"blk.0.attn_{name}.weight": (WIDTH, WIDTH) for name in ("q", "output")}
    half = {f"blk.0.attn_{name}.weight": (WIDTH // 2, WIDTH) for name in ("k", "v")}
    return {
        "token_embd.weight": (words, WIDTH),
        "output_norm.weight": (WIDTH,),
        "output.weight": (words, WIDTH),
        "blk.0.attn_norm.weight": (WIDTH,),
        **square,
        **half,
        "blk.0.ffn_norm.weight": (WIDTH,),
        "blk.0.ffn_gate.weight": (INNER, WIDTH),
        "blk.0.ffn_up.weight": (INNER, WIDTH),
        "blk.0.ffn_down.weight": (WIDTH, INNER),
    }
