"""The information-need writer of WebRec (section 3.1): queries from what a language model is uncertain about.

The model is asked for a recommendation, not for queries. The words of its answer that later words attend to most,
and that it was least certain of, are what it would have to look up: they form the query. Nothing is trained.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from configs.reading import SettingsError
from corpus.text.stop_words import stop_words
from recall.qprime.writers.need_attention import Over, read_through
from recall.qprime.writers.need_keywords import PromptWords, keywords, token_spans
from recall.qprime.writers.need_scores import entropy, need, pooled
from recall.qprime.writers.page_prompt import LONGEST_TEXT, PagePrompt, packaged_prompt
from recall.qprime.writers.writer import MAX_QUERIES, PageWords, WrittenQuery
from text_model.causal import load_causal, prompt_text, token_ids
from text_model.distributed import world


@dataclass(frozen=True, slots=True)
class InformationNeed:
    """Tunables of the information-need writer."""

    queries: int = 1  # per page at most: the first from the most likely answer, the others from sampled answers
    keywords: int = 8  # per query: k of equation 5
    tokens: int = 128  # per answer at most
    neighbours: int = 3  # tokens whose scores are averaged, odd
    heads: Over = Over.MEAN  # how the heads of a layer are combined into one attention matrix
    layers: Over = Over.MEAN  # how layers are combined into one importance per token
    temperature: float = 1.0  # of sampled answers
    alike: float = 0.6  # queries whose words overlap more than this (Jaccard) are near-duplicates
    seed: int = 0  # of sampled answers


class InformationNeedWriter:
    """Writes queries of the words that a causal language model needs to know more about to recommend well."""

    def __init__(
        self,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        settings: InformationNeed = InformationNeed(),
        prompt: PagePrompt | None = None,
    ) -> None:
        """Take a model with `eager` attention, on its device, and a tokenizer with a chat template."""
        if settings.neighbours < 1 or settings.neighbours % 2 == 0:
            raise SettingsError(f"neighbours is {settings.neighbours}: it must be an odd number")
        self._model = model
        self._tokenizer = tokenizer
        self._settings = settings
        self._prompt = prompt or packaged_prompt("information_need")
        self._instructions = PromptWords(self._prompt.instructions)

    @classmethod
    def load(cls, base: str, settings: InformationNeed = InformationNeed()) -> InformationNeedWriter:
        """Return a writer with the model of a path or hub name, on the GPU if there is one. Raises SettingsError."""
        model, tokenizer = load_causal(base, attention="eager")
        return cls(model.to(world().device), tokenizer, settings)  # type: ignore[arg-type]

    def write(self, pages: Sequence[PageWords]) -> list[list[WrittenQuery] | None]:
        """Return at most `settings.queries` queries per page, and none for a page without title and text.

        The queries of a page do not depend on the other pages. None stands for a page whose prompt does not fit into
        the model's context.
        """
        return [self._queries(page) if page.title or page.snippet else [] for page in pages]

    def _queries(self, page: PageWords) -> list[WrittenQuery] | None:
        prompt = self._prompt_tokens(page)
        if prompt is None:
            return None
        found: list[list[str]] = []
        for number in range(min(self._settings.queries, MAX_QUERIES)):
            query = self._query(prompt, number, page)
            if query and not any(self._alike(query, other) for other in found):
                found.append(query)
        return [WrittenQuery(" ".join(query)) for query in found]

    def _prompt_tokens(self, page: PageWords) -> list[int] | None:
        """Return the tokens of the prompt, with as much of the page's text as fits before the answer."""
        positions = getattr(self._model.config, "max_position_embeddings", None)
        longest = LONGEST_TEXT
        while True:
            messages = [{"role": "user", "content": self._prompt.fill(page, longest)}]
            prompt = token_ids(self._tokenizer, prompt_text(self._tokenizer, messages))
            if positions is None or len(prompt) + self._settings.tokens <= positions:
                return prompt
            if longest == 0:
                return None
            longest //= 2

    def _query(self, prompt: list[int], number: int, page: PageWords) -> list[str]:
        """Return the keywords of one answer; number 0 is the most likely answer."""
        tokens = self._answered(prompt, number)
        first = len(prompt)
        answer = tokens[0, first:].tolist()
        if not answer:
            return []
        logits, importances = read_through(self._model, tokens, first, self._settings.heads, self._settings.layers)
        scores = pooled(need(importances, entropy(logits)), self._settings.neighbours)
        text, spans = token_spans(answer, self._decoded)
        stop = stop_words(page.language) | self._instructions.among(text, f"{page.title} {page.snippet}")
        return keywords(text, spans, scores.tolist(), stop, self._settings.keywords)

    def _answered(self, prompt: list[int], number: int) -> Tensor:
        """Return prompt and answer, (1, T), without the end token."""
        device = self._model.device
        tokens = torch.tensor([prompt], device=device)
        chance = {"do_sample": True, "temperature": self._settings.temperature} if number else {"do_sample": False}
        with torch.random.fork_rng([device] if device.type == "cuda" else []):
            torch.manual_seed(self._settings.seed + number)  # per answer, so that other pages have no influence
            written = self._model.generate(  # type: ignore[operator]
                input_ids=tokens,
                attention_mask=torch.ones_like(tokens),
                max_new_tokens=self._settings.tokens,
                pad_token_id=self._tokenizer.eos_token_id,
                **chance,
            )
        special = set(self._tokenizer.all_special_ids)
        length = written.shape[1]
        while length > len(prompt) and int(written[0, length - 1]) in special:
            length -= 1
        return cast(Tensor, written[:, :length])

    def _decoded(self, tokens: Sequence[int]) -> str:
        return cast(
            str,
            self._tokenizer.decode(list(tokens), skip_special_tokens=True, clean_up_tokenization_spaces=False),
        )

    def _alike(self, query: list[str], other: list[str]) -> bool:
        own, taken = set(query), set(other)
        return len(own & taken) > self._settings.alike * len(own | taken)
