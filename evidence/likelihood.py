"""Log-likelihoods of candidates, with the states of the frozen lower layers computed once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence
from transformers import PreTrainedModel

from evidence.prompt_tokens import Sequenced
from evidence.side_by_side import SideBySide, side_by_side

#: A prompt with its candidates, and the states (T, hidden) that enter the first trained layer, if they are kept.
Asked = tuple[Sequenced, Tensor | None]


def at_once(model: PreTrainedModel) -> int:
    """Return how many prompts a batch should have: on a CPU padding costs more than a batch saves."""
    return 32 if model.device.type == "cuda" else 1


def lower_states(model: PreTrainedModel, sequence: Sequenced, first: int) -> Tensor:
    """Return the states (T, hidden) that enter layer `first`."""
    with torch.no_grad():
        return _entering(model, side_by_side([sequence], model.device), first)[0]


def batch_of(model: PreTrainedModel, asked: Sequence[Asked], first: int) -> tuple[SideBySide, Tensor]:
    """Return a batch, and the states (B, T, hidden) that enter layer `first`: those that are kept, or new ones."""
    batch = side_by_side([sequence for sequence, _ in asked], model.device)
    kept = [states for _, states in asked if states is not None]
    if len(kept) < len(asked):
        with torch.no_grad():
            return batch, _entering(model, batch, first)
    return batch, pad_sequence(kept, batch_first=True).to(model.device)


def token_scores(model: PreTrainedModel, batch: SideBySide, states: Tensor, first: int) -> Tensor:
    """Return the log-likelihood of each token of each candidate, (A,) float32, from the states that enter `first`."""
    inner = _inner(model)
    out = _through(inner, inner.layers[first:], states, batch)
    logits = _causal(model).lm_head(inner.norm(out.flatten(0, 1)[batch.before])).float()
    return logits.gather(1, batch.wanted.unsqueeze(1)).squeeze(1) - logits.logsumexp(1)


def candidate_scores(batch: SideBySide, scores: Tensor) -> Tensor:
    """Return each candidate's log-likelihood, (C,): the sum over its tokens."""
    count = int(batch.candidate[-1]) + 1
    return torch.zeros(count, device=scores.device).index_add(0, batch.candidate, scores)


def candidate_means(batch: SideBySide, scores: Tensor) -> Tensor:
    """Return each candidate's log-likelihood per token, (C,)."""
    return candidate_scores(batch, scores) / torch.bincount(batch.candidate)


def _entering(model: PreTrainedModel, batch: SideBySide, first: int) -> Tensor:
    inner = _inner(model)
    return _through(inner, inner.layers[:first], inner.embed_tokens(batch.ids), batch)


def _through(inner: Any, layers: Sequence[nn.Module], states: Tensor, batch: SideBySide) -> Tensor:
    turned, prompt = inner.rotary_emb(states, position_ids=batch.position), batch.prompt
    hidden = ~batch.mask()
    mask = torch.zeros(hidden.shape, dtype=states.dtype, device=states.device)
    mask.masked_fill_(hidden, torch.finfo(states.dtype).min)
    for layer in layers:
        states = layer(states, attention_mask=mask, position_embeddings=turned, prompt_mask=prompt)
    return states


def _causal(model: Any) -> Any:
    return model.get_base_model() if hasattr(model, "get_base_model") else model


def _inner(model: PreTrainedModel) -> Any:
    return _causal(model).model
