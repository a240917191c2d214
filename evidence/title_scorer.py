"""Scores the titles of a page's candidates by a language model: how likely each is to follow the page."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from blake3 import blake3
from numpy.typing import NDArray
from torch import nn
from transformers import PreTrainedModel

from configs.reading import SettingsError
from evidence.likelihood import batch_of, candidate_means, token_scores
from evidence.passages import Passage
from evidence.prompt_tokens import PromptTokens, Sequenced, sequenced
from evidence.score_cache import ScoreCache, key_of

_KINDS = ("llama", "qwen2")  # others scale or normalise what `evidence.likelihood` passes on as it is


class TitleScorer:
    """Returns log-likelihoods per token; one pass of the model per page that the cache does not hold.

    `prior` times the title's log-likelihood after the prompt's last line alone is taken off: a title that is likely
    after anything says nothing about the page.
    """

    def __init__(self, model: PreTrainedModel, tokens: PromptTokens, cache: ScoreCache, prior: float = 0.0) -> None:
        """Raises SettingsError for a model whose layers are not those of LLaMA or Qwen2."""
        if (kind := model.config.model_type) not in _KINDS:
            raise SettingsError(f"--model is a {kind}: give a LLaMA- or Qwen2-like model, such as smollm2")
        self._model, self._tokens, self._cache, self._prior = model, tokens, cache, prior
        self._hash = model_hash(model)
        self.asked = 0  # pages that the cache did not hold
        self._passes = 0

    def scores(self, page: str, passages: Sequence[Passage], titles: Sequence[str]) -> NDArray[np.float32]:
        """Return one score per title, (titles,)."""
        before = self._passes
        found = self._likelihoods(self._tokens.sequence([page], passages, titles))
        if self._prior:
            alone = sequenced(self._tokens.ask, [self._tokens.title(title) for title in titles])
            found = (found - np.float32(self._prior) * self._likelihoods(alone)).astype(np.float32)
        self.asked += self._passes > before
        return found

    def _likelihoods(self, sequence: Sequenced) -> NDArray[np.float32]:
        key = key_of(self._hash, sequence)
        if (kept := self._cache.get(key, int(sequence.branch.max()) + 1)) is not None:
            return kept
        with torch.inference_mode():
            batch, states = batch_of(self._model, [(sequence, None)], 0)
            scores = token_scores(self._model, batch, states, 0)
            found: NDArray[np.float32] = candidate_means(batch, scores).float().cpu().numpy()
        if not np.isfinite(found).all():
            raise SettingsError("--model gives likelihoods that are no numbers: its weights are damaged; get it again")
        self._cache.put(key, found)
        self._passes += 1
        return found


def model_hash(model: nn.Module) -> bytes:
    """Return a hash of all weights, adapters and heads included, and of their types."""
    digest = blake3()
    for name, weight in sorted(model.state_dict().items()):
        digest.update(f"{name} {weight.dtype} {tuple(weight.shape)}".encode())
        digest.update(weight.detach().cpu().reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.digest()
