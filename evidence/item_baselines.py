"""What items alone say: popularity, transitions, and a SASRec-like model, which is a small LLaMA over items."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional
from transformers import LlamaConfig, LlamaForCausalLM

from evidence.amazon import HISTORY, Task

Scores = NDArray[np.float64]  # (tasks, candidates)
_NONE = -100


def popularity(sequences: Sequence[Sequence[int]], tasks: Sequence[Task]) -> Scores:
    """Score a candidate by how often it was taken."""
    counts = Counter(item for own in sequences for item in own)
    return np.array([[counts[item] for item in task.candidates] for task in tasks], np.float64)


def transitions(sequences: Sequence[Sequence[int]], tasks: Sequence[Task]) -> Scores:
    """Score a candidate by how often it followed an item of the history, newer items first; ties by popularity."""
    counts = Counter(pair for own in sequences for pair in pairwise(own))
    popular = popularity(sequences, tasks)
    found = [
        [
            sum(counts[before, item] / age for age, before in enumerate(task.history[::-1], 1))
            for item in task.candidates
        ]
        for task in tasks
    ]
    return np.array(found, np.float64) + popular / (1e3 * popular.max())


def sequence_model(
    sequences: Sequence[Sequence[int]], items: int, seed: int, epochs: int = 20, width: int = 64, batch: int = 256
) -> LlamaForCausalLM:
    """Train a causal transformer over item IDs: two layers, one head, as SASRec's, from `transformers`."""
    torch.manual_seed(seed)
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=items + 1, hidden_size=width, intermediate_size=2 * width, num_hidden_layers=2,
            num_attention_heads=2, max_position_embeddings=64, tie_word_embeddings=True,
            pad_token_id=items, attention_dropout=0.2, bos_token_id=None, eos_token_id=None,
        )
    )  # fmt: skip
    rows = torch.tensor([_padded(own[-HISTORY - 1 :], items) for own in sequences if len(own) > 1])
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.1)
    steps = epochs * -(-len(rows) // batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=steps)
    model.train()
    for _ in range(epochs):
        for chosen in torch.randperm(len(rows)).split(batch):
            ids = rows[chosen]
            states = functional.dropout(model.model(ids[:, :-1], use_cache=False).last_hidden_state, 0.2)
            wanted = ids[:, 1:]
            real = wanted != items
            loss = functional.cross_entropy(model.lm_head(states[real]), wanted[real], label_smoothing=0.1)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    return model.eval()


def model_scores(model: LlamaForCausalLM, tasks: Sequence[Task]) -> Scores:
    """Return the logit of each candidate after the history."""
    padding = model.config.pad_token_id
    rows = torch.tensor([_padded(task.history, padding, HISTORY) for task in tasks])
    last = torch.tensor([len(task.history) - 1 for task in tasks])
    with torch.inference_mode():
        states = model.model(rows, use_cache=False).last_hidden_state[torch.arange(len(rows)), last]
        logits = model.lm_head(states).gather(1, torch.tensor([task.candidates for task in tasks]))
    return logits.double().numpy()


def _padded(items: Sequence[int], padding: int, length: int = HISTORY + 1) -> list[int]:
    """Return items with padding on the right, which causal attention never reads."""
    return [*items, *[padding] * (length - len(items))]
