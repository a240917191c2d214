"""MP-Head in real, tiny LLaMA and Qwen2 models."""

from __future__ import annotations

import pytest
import tiny_causal
import torch
from torch import nn
from transformers import Qwen2Config, Qwen2ForCausalLM

from configs.reading import SettingsError
from evidence.mp_head import MPHead
from evidence.relation_graph import Top, messages, relations, relevance, top_tokens
from evidence.task_feature import LoraFeature, SoftPrompt
from evidence.wrapped_attention import wrap


def qwen():
    torch.manual_seed(0)
    config = Qwen2Config(
        hidden_size=32, intermediate_size=64, num_hidden_layers=3, num_attention_heads=4, num_key_value_heads=2,
        vocab_size=400, bos_token_id=0, eos_token_id=1, attn_implementation="sdpa",
    )  # fmt: skip
    return Qwen2ForCausalLM(config).eval()


MODELS = {"llama": lambda: tiny_causal.model("llama"), "qwen2": qwen}


@pytest.fixture(params=MODELS)
def model(request):
    return MODELS[request.param]()


def wrapped(model, layers=(0, 2), k=8):
    torch.manual_seed(1)
    prompt = SoftPrompt(model.get_input_embeddings().weight, 4)
    return wrap(model, layers, lambda attention: prompt, k)


def opened(heads, gate=0.7):
    with torch.no_grad():
        for head in heads:
            head.gate.fill_(gate)
            head.bias.normal_()


def tokens(rows=1, length=40):
    return torch.randint(2, 400, (rows, length), generator=torch.Generator().manual_seed(3))


def prompt_of(ids, length):
    return (torch.arange(ids.shape[1]) < length).expand(ids.shape)


def test_the_model_is_unchanged_at_first(model) -> None:
    ids = tokens(2)
    before = model(ids).logits
    heads = wrapped(model)
    assert torch.equal(before, model(ids, prompt_mask=prompt_of(ids, 30)).logits)
    opened(heads)
    assert not torch.allclose(before, model(ids, prompt_mask=prompt_of(ids, 30)).logits, atol=1e-3)


def test_generation_with_a_cache_equals_the_full_forward(model) -> None:
    opened(wrapped(model))
    ids = tokens(1, 24)
    written = model.generate(
        ids, attention_mask=torch.ones_like(ids), max_new_tokens=12, do_sample=False, pad_token_id=1,
        output_logits=True, return_dict_in_generate=True, eos_token_id=None,
    )  # fmt: skip
    whole = model(written.sequences, prompt_mask=prompt_of(written.sequences, 24), use_cache=False).logits
    assert torch.allclose(torch.stack(written.logits, 1), whole[:, 23:-1], atol=1e-4)


def test_padding_on_the_left_changes_nothing(model) -> None:
    opened(wrapped(model))
    ids = tokens(1, 24)
    padded = torch.cat([torch.ones(1, 5, dtype=torch.long), ids], 1)
    mask = torch.cat([torch.zeros(1, 5, dtype=torch.long), torch.ones_like(ids)], 1)
    options = {"max_new_tokens": 6, "do_sample": False, "pad_token_id": 1, "eos_token_id": None}
    plain = model.generate(ids, attention_mask=torch.ones_like(ids), **options)
    shifted = model.generate(padded, attention_mask=mask, **options)
    assert torch.equal(plain[:, 24:], shifted[:, 29:])


def test_an_answer_does_not_reach_its_own_past(model) -> None:
    opened(wrapped(model))
    ids = tokens(1, 40)
    other = ids.clone()
    other[:, 35:] = (other[:, 35:] + 7) % 390 + 2
    mask = prompt_of(ids, 30)
    one, two = (model(each, prompt_mask=mask, use_cache=False).logits for each in (ids, other))
    assert torch.allclose(one[:, :35], two[:, :35], atol=1e-5)
    assert not torch.allclose(one[:, 35:], two[:, 35:], atol=1e-2)


def test_without_a_prompt_mask_training_is_refused(model) -> None:
    wrapped(model)
    with pytest.raises(ValueError, match="prompt_mask"):
        model(tokens(), use_cache=False)
    with pytest.raises(ValueError, match="prompt_mask"):
        model.train()(tokens())


def test_only_heads_and_the_task_feature_learn(model) -> None:
    heads = wrapped(model)
    opened(heads, 0.5)
    ids = tokens(2)
    loss = model(ids, prompt_mask=prompt_of(ids, 30), labels=ids, use_cache=False).loss
    loss.backward()
    with_gradient = {name.rsplit("head.", 1)[-1] for name, p in model.named_parameters() if p.grad is not None}
    assert with_gradient == {
        "entity.weight", "relation.weight", "bias", "output", "gate", "feature.vectors",
    }  # fmt: skip
    assert all(head.relation.weight.grad.abs().sum() > 0 for head in heads)


def test_gradients_are_those_of_finite_differences() -> None:
    torch.manual_seed(0)
    head = MPHead(2, 1, 3, torch.randn(4, 6), SoftPrompt(torch.randn(10, 5), 3), k=4)
    keys, values, queries = (torch.randn(1, heads, 7, 3, dtype=torch.float64) for heads in (1, 1, 2))
    prompt = prompt_of(torch.zeros(1, 7), 6)
    head.double()
    names = ["entity.weight", "relation.weight", "bias", "output", "feature.vectors", "gate"]
    start = [dict(head.named_parameters())[name].detach().clone().requires_grad_() for name in names]
    start[-1].data.fill_(0.3)

    class Whole(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.head = head

        def forward(self):
            return self.head(queries, self.head.read(keys, values, prompt), 0)

    def out(*parameters):
        named = {f"head.{name}": value for name, value in zip(names, parameters, strict=True)}
        return torch.func.functional_call(Whole(), named, ())

    assert torch.autograd.gradcheck(out, start, eps=1e-6, atol=1e-5)


def test_relations_are_those_of_equations_11_to_13() -> None:
    entities = torch.tensor([[[1.0, 0.0], [0.0, 1.0], [0.6, 0.8], [-1.0, 0.0]]])
    task = torch.tensor([2.0, 0.0])
    found = relevance(task, entities)
    assert torch.allclose(found, torch.tensor([[1.0, 0.0, 0.6, -1.0]]))
    top = top_tokens(found, torch.tensor([[True, True, True, False]]), 2)
    assert top.places.tolist() == [[0, 2]]
    related = relations(top)
    assert torch.allclose(related, torch.tensor([[[1.0, 0.6], [0.6, 0.36]]]))
    sent = messages(related, entities[:, [0, 2]], torch.tensor([0.5, 0.0]))
    degree = torch.tensor([1.6, 0.96])
    by_hand = (related[0] / (degree.sqrt()[:, None] * degree.sqrt()[None])) @ entities[0, [0, 2]]
    assert torch.allclose(sent[0], by_hand + torch.tensor([0.5, 0.0]))


def test_a_prompt_shorter_than_k_has_no_other_neighbours() -> None:
    top = top_tokens(torch.tensor([[0.9, 0.8, 0.7]]), torch.tensor([[True, False, False]]), 3)
    related = relations(top)
    assert related[0].count_nonzero() == 1
    assert isinstance(top, Top)


def saved_numbers(length: int, k: int) -> tuple[int, int]:
    """Return how many numbers the backward pass keeps in all, and in the largest tensor."""
    torch.manual_seed(0)
    prompt = SoftPrompt(torch.randn(10, 64), 4)
    head = MPHead(4, 2, 16, torch.randn(64, 64), prompt, k)
    keys, values, queries = (torch.randn(1, heads, length, 16) for heads in (2, 2, 4))
    sizes = []

    def keep(tensor):
        sizes.append(tensor.numel())
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        head(queries, head.read(keys, values, prompt_of(torch.zeros(1, length), length)), 0).sum().backward()
    return sum(sizes), max(sizes)


def test_memory_is_linear_in_the_prompt_and_quadratic_in_k_only() -> None:
    short, _ = saved_numbers(1_000, 16)
    long, largest = saved_numbers(4_000, 16)
    assert long < 4.2 * short
    assert largest < 4_000 * 4_000 / 10


def test_layers_that_cannot_be_wrapped_are_named() -> None:
    with pytest.raises(SettingsError, match="layers 0 to 2"):
        wrapped(tiny_causal.model("llama"), (3,))
    with pytest.raises(SettingsError, match="self_attn"):
        wrapped(tiny_causal.model("gpt2"), (0,))


def test_an_adapter_is_a_task_feature() -> None:
    down, up = nn.Parameter(torch.ones(2, 3)), nn.Parameter(torch.full((4, 2), 2.0))
    assert LoraFeature(down, up)().tolist() == [1, 1, 1, 2, 2, 2, 2]
    assert not list(LoraFeature(down, up).parameters())


def test_a_soft_prompt_stands_before_the_prompt() -> None:
    soft = SoftPrompt(torch.randn(10, 6), 3)
    whole = soft.before(torch.zeros(2, 5, 6))
    assert whole.shape == (2, 8, 6)
    assert torch.equal(whole[1, :3], soft.vectors)


def test_a_soft_prompt_learns_through_the_head_and_through_the_model(model) -> None:
    ids = tokens(2)
    soft = SoftPrompt(model.get_input_embeddings().weight, 4)
    opened(wrap(model, (1,), lambda attention: soft, 8))
    before = soft.before(model.get_input_embeddings()(ids))
    prompt = prompt_of(torch.zeros(2, 44), 34)
    logits = model(inputs_embeds=before, prompt_mask=prompt, use_cache=False).logits[:, 33:-1]
    nn.functional.cross_entropy(logits.flatten(0, 1), ids[:, 30:].flatten()).backward()
    assert (soft.vectors.grad.abs().sum(1) > 0).all()
    with pytest.raises(ValueError, match="one per token"):
        model(inputs_embeds=before, prompt_mask=prompt[:, :-1], use_cache=False)
