from __future__ import annotations

import math
import weakref
from typing import Any

import numpy as np
import pytest
import tiny_causal
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from transformers.models.llama import modeling_llama

from configs.reading import SettingsError
from corpus.text.words import words
from recall.qprime.writers.information_need import InformationNeed, InformationNeedWriter
from recall.qprime.writers.need_attention import Over, read_through
from recall.qprime.writers.need_keywords import PromptWords, keywords, token_spans
from recall.qprime.writers.need_scores import entropy, importance, need, pooled
from recall.qprime.writers.writer import MAX_QUERIES
from store.page_row import PageText
from text_model.causal import FALLBACK_TEMPLATE

FOX = PageText("https://a.example/red_fox", "Red fox", "The red fox hunts small rodents at night.", "en")
OWL = PageText("https://a.example/owl", "Owl", "A bird of the night that hunts small rodents.", "en")

# Row j: how token j spreads its attention. What is missing to 1 went to the prompt.
ATTENTION = torch.tensor([[0.3, 0.0, 0.0], [0.6, 0.2, 0.0], [0.1, 0.4, 0.5]])
# Token 0: one of four, evenly. Token 1: certain. Token 2: one of two, evenly.
LOGITS = torch.tensor([[0.0, 0.0, 0.0, 0.0], [0.0, -math.inf, -math.inf, -math.inf], [0.0, 0.0, -math.inf, -math.inf]])
WORDS = tiny_causal.tokenizer()


def writer(settings: InformationNeed | None = None, kind: str = "llama") -> InformationNeedWriter:
    tokenizer = tiny_causal.tokenizer()
    tokenizer.chat_template = FALLBACK_TEMPLATE
    return InformationNeedWriter(
        tiny_causal.model(kind, len(tokenizer)), tokenizer, settings or InformationNeed(tokens=24)
    )


def all_layers(model: Any, tokens: Tensor, first: int, heads: Over, layers: Over) -> Tensor:
    """The plain computation, that holds every layer's attention at once."""
    with torch.inference_mode():
        shown = model(input_ids=tokens, output_attentions=True, use_cache=False).attentions
    stacked = torch.stack([one[0] for one in shown])[:, :, first:, first:]  # layers, heads, n, n
    by_layer = stacked.mean(1) if heads is Over.MEAN else stacked.amax(1)
    n = by_layer.shape[-1]
    own = torch.zeros(len(by_layer), n)
    for layer in range(len(by_layer)):
        for i in range(n):
            own[layer, i] = max((float(by_layer[layer, j, i]) for j in range(i + 1, n)), default=0.0)
    return own.mean(0) if layers is Over.MEAN else own.amax(0)


def test_the_example_worked_by_hand() -> None:
    attention, uncertainty = importance(ATTENTION), entropy(LOGITS)
    assert attention.tolist() == pytest.approx([0.6, 0.4, 0.0])  # equation 2: column maxima below the diagonal
    assert uncertainty.tolist() == pytest.approx([math.log(4), 0.0, math.log(2)])  # equation 3
    scores = need(attention, uncertainty)
    assert scores.tolist() == pytest.approx([0.6 * math.log(4), 0.0, 0.0])  # equation 4
    assert pooled(scores, 3).tolist() == pytest.approx([0.3 * math.log(4), 0.2 * math.log(4), 0.0])  # equation 5


def test_an_even_number_of_neighbours_is_refused() -> None:
    with pytest.raises(ValueError, match="odd"):
        pooled(torch.ones(4), 2)
    with pytest.raises(SettingsError, match="neighbours is 4"):
        writer(InformationNeed(neighbours=4))


@given(st.lists(st.floats(0, 10, width=32), max_size=30), st.sampled_from([1, 3, 5, 9]))
def test_pooling_stays_between_the_extremes_and_keeps_the_length(scores: list[float], width: int) -> None:
    found = pooled(torch.tensor(scores), width)
    assert len(found) == len(scores)
    if scores:
        assert min(scores) - 1e-4 <= float(found.min()) <= float(found.max()) <= max(scores) + 1e-4
    if width == 1:
        assert found.tolist() == pytest.approx(scores)


@given(st.lists(st.lists(st.floats(-50, 50, width=32), min_size=7, max_size=7), min_size=1, max_size=5))
def test_entropy_is_between_certain_and_uniform(rows: list[list[float]]) -> None:
    found = entropy(torch.tensor(rows))
    assert bool((found >= -1e-6).all())
    assert bool((found <= math.log(7) + 1e-5).all())


@given(st.integers(1, 8), st.integers(0, 2**31))
def test_importance_equals_the_result_of_a_loop(n: int, seed: int) -> None:
    attention = np.random.default_rng(seed).random((n, n))
    expected = [max((attention[j, i] for j in range(i + 1, n)), default=0.0) for i in range(n)]
    assert importance(torch.from_numpy(attention)).tolist() == pytest.approx(expected)


@pytest.mark.parametrize("heads", Over)
@pytest.mark.parametrize("layers", Over)
@pytest.mark.parametrize("kind", ["llama", "gpt2", "gpt_neo"])
def test_layer_by_layer_equals_all_layers_at_once(kind: str, heads: Over, layers: Over) -> None:
    model = tiny_causal.model(kind)
    tokens = torch.arange(3, 23).unsqueeze(0)
    logits, found = read_through(model, tokens, 8, heads, layers)
    assert logits.shape == (12, 400)
    torch.testing.assert_close(found, all_layers(model, tokens, 8, heads, layers))
    with torch.inference_mode():
        assert torch.equal(logits, model(input_ids=tokens, use_cache=False).logits[0, 7:-1])


def test_only_one_layers_attention_is_in_memory_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    held: list[weakref.ref[Tensor]] = []
    alive: list[int] = []
    plain = modeling_llama.eager_attention_forward

    def watched(*arguments: Any, **named: Any) -> tuple[Tensor, Tensor]:
        output, attention = plain(*arguments, **named)
        held.append(weakref.ref(attention))
        alive.append(sum(reference() is not None for reference in held))
        return output, attention

    monkeypatch.setattr(modeling_llama, "eager_attention_forward", watched)
    read_through(tiny_causal.model(), torch.arange(3, 23).unsqueeze(0), 8)
    assert alive == [1, 1, 1]
    assert all(reference() is None for reference in held)


def test_no_hook_is_left_on_the_model() -> None:
    model = tiny_causal.model()
    read_through(model, torch.arange(3, 23).unsqueeze(0), 8)
    assert not any(module._forward_hooks for module in model.modules())


def test_a_model_that_hides_its_attention_is_refused() -> None:
    model = tiny_causal.model()
    model.set_attn_implementation("sdpa")
    with pytest.raises(SettingsError, match="eager"):
        read_through(model, torch.arange(3, 23).unsqueeze(0), 8)


@given(st.text(max_size=30))
def test_tokens_cover_the_text_that_they_write(text: str) -> None:
    tokens = WORDS(text, add_special_tokens=False)["input_ids"]
    found, spans = token_spans(tokens, WORDS.decode)
    assert len(spans) == len(tokens)
    assert all(0 <= start <= end for start, end in spans)
    if "\N{REPLACEMENT CHARACTER}" not in text:
        covered = {at for start, end in spans for at in range(start, end)}
        assert covered == set(range(len(found)))


def test_bytes_of_one_character_share_it() -> None:
    pieces = {1: b"\xe7\x8b", 2: b"\x90", 3: b" a"}
    text, spans = token_spans([1, 2, 3], lambda ids: b"".join(pieces[i] for i in ids).decode(errors="replace"))
    assert (text, spans) == ("狐 a", [(0, 1), (0, 1), (1, 3)])


def test_pieces_become_words_with_their_best_score_in_the_order_of_the_text() -> None:
    text = "arctic fox and de Foxes"
    spans = [(0, 3), (3, 6), (6, 10), (10, 14), (14, 17), (17, 23)]  # arc|tic| fox| and| de| Foxes
    scores = [0.1, 0.9, 0.2, 5.0, 0.3, 0.0]
    assert keywords(text, spans, scores, {"and"}, 9) == ["arctic", "fox", "de"]  # `foxes` has no score
    assert keywords(text, spans, scores, {"and"}, 2) == ["arctic", "de"]


def test_a_repeated_word_keeps_its_first_position_and_its_best_score() -> None:
    text = "Fox owl fox"
    assert keywords(text, [(0, 3), (3, 7), (7, 11)], [0.1, 0.2, 0.9], (), 1) == ["fox"]
    assert keywords(text, [(0, 3), (3, 7), (7, 11)], [0.1, 0.2, 0.9], (), 2) == ["fox", "owl"]


@pytest.mark.parametrize("kind", ["llama", "gpt2"])
def test_a_query_has_words_of_the_answer_without_stop_words(kind: str) -> None:
    [queries] = writer(InformationNeed(tokens=40, keywords=4), kind).write([FOX])
    assert queries is not None
    [query] = queries
    found = words(query.text)
    assert 1 <= len(found) <= 4
    assert not {"the", "is", "of", "at", "and", "to"} & set(found)


def test_the_queries_of_a_page_do_not_depend_on_other_pages() -> None:
    settings = InformationNeed(queries=3, tokens=24)
    together = writer(settings).write([FOX, OWL])
    assert together == [writer(settings).write([FOX])[0], writer(settings).write([OWL])[0]]
    assert together == list(reversed(writer(settings).write([OWL, FOX])))


def test_sampled_answers_add_distinct_queries() -> None:
    one, more = (writer(InformationNeed(queries=n, tokens=24)).write([FOX])[0] for n in (1, 4))
    assert more[: len(one)] == one
    assert len(more) > 1
    sets = [set(query.text.split()) for query in more]
    assert all(len(a & b) <= 0.6 * len(a | b) for i, a in enumerate(sets) for b in sets[:i])


def test_there_are_at_most_ten_queries_whatever_the_setting() -> None:
    assert len(writer(InformationNeed(queries=99, tokens=6)).write([FOX])[0]) <= MAX_QUERIES


def test_a_page_without_text_has_no_query() -> None:
    assert writer().write([PageText("https://a.example/", "", "", "")]) == [[]]


def test_a_long_text_is_cut_to_what_the_model_can_read() -> None:
    long = FOX._replace(snippet="狐は夜に狩りをする。" * 300)  # 2,000 characters are more than 1,024 tokens here
    [queries] = writer(kind="gpt2").write([long])
    assert queries
    assert writer(InformationNeed(tokens=1_000), kind="gpt2").write([long]) == [None]


def test_a_writer_is_loaded_from_a_path(tmp_path: Any) -> None:
    base = tiny_causal.save(tmp_path / "base")
    settings = InformationNeed(tokens=24)
    assert InformationNeedWriter.load(base, settings).write([FOX]) == writer(settings).write([FOX])
    with pytest.raises(SettingsError, match="no causal language model"):
        InformationNeedWriter.load(str(tmp_path / "nothing"))


def test_words_of_the_instructions_are_no_keywords_unless_the_page_has_them() -> None:
    said = PromptWords("Recommend what a reader of this Page reads. Text:")
    answer = "The recommendation for the Reader: recommended texts on page layout, pages with red foxes"
    assert said.among(answer, "") == {"recommendation", "reader", "recommended", "page"}
    assert said.among(answer, "A page about readers") == {"recommendation", "reader", "recommended"}


def test_instructions_are_the_prompt_without_the_page() -> None:
    own = writer()._prompt
    assert "Recommend" in own.instructions and "$" not in own.instructions
