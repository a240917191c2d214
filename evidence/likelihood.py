"""Log-likelihoods of candidates, with the states of the frozen lower layers computed once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from evidence.prompt_tokens import Sequenced


def lower_states(model: PreTrainedModel, sequence: Sequenced, first: int) -> Tensor:
    """Return the states (T, hidden) that enter layer `first`."""
    inner = _inner(model)
    with torch.no_grad():
        states = inner.embed_tokens(sequence.ids.unsqueeze(0))
        return _through(inner, inner.layers[:first], states, sequence)[0]


def token_scores(model: PreTrainedModel, sequence: Sequenced, states: Tensor, first: int) -> Tensor:
    """Return the log-likelihood of each token of each candidate, (A,) float32, from the states that enter `first`."""
    inner = _inner(model)
    out = _through(inner, inner.layers[first:], states.unsqueeze(0), sequence)[0]
    wanted = sequence.ids[~sequence.prompt]
    logits = _causal(model).lm_head(inner.norm(out[sequence.before])).float()
    return logits.gather(1, wanted.unsqueeze(1)).squeeze(1) - logits.logsumexp(1)


def candidate_scores(sequence: Sequenced, scores: Tensor) -> Tensor:
    """Return each candidate's log-likelihood, (candidates,): the sum over its tokens."""
    branch = sequence.branch[~sequence.prompt]
    return torch.zeros(int(branch.max()) + 1).index_add(0, branch, scores)


def candidate_means(sequence: Sequenced, scores: Tensor) -> Tensor:
    """Return each candidate's log-likelihood per token, (candidates,)."""
    branch = sequence.branch[~sequence.prompt]
    return candidate_scores(sequence, scores) / torch.bincount(branch)


def _through(inner: Any, layers: Sequence[nn.Module], states: Tensor, sequence: Sequenced) -> Tensor:
    turned = inner.rotary_emb(states, position_ids=sequence.position.unsqueeze(0))
    hidden, prompt = ~sequence.mask(), sequence.prompt.unsqueeze(0)
    mask = torch.zeros(hidden.shape, dtype=states.dtype).masked_fill(hidden, torch.finfo(states.dtype).min)
    for layer in layers:
        states = layer(states, attention_mask=mask, position_embeddings=turned, prompt_mask=prompt)
    return states


def _causal(model: Any) -> Any:
    return model.get_base_model() if hasattr(model, "get_base_model") else model


def _inner(model: PreTrainedModel) -> Any:
    return _causal(model).model
