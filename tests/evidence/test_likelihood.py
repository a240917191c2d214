"""Candidates beside each other have the likelihood that each has alone, also with MP-Heads."""

from __future__ import annotations

import pytest
import tiny_causal
import torch

from configs.reading import SettingsError
from evidence.likelihood import batch_of, candidate_scores, lower_states, token_scores
from evidence.passages import Passage
from evidence.prompt_tokens import LONGEST_TITLE, PromptTokens, sequenced
from evidence.tuning import TuningSettings, adapted, tune

PROMPT = [5, 9, 200, 31, 17, 8]
CANDIDATES = [[40, 41, 42], [40], [99, 300]]


def alone(model, first, candidate):
    ids = torch.tensor([[*PROMPT, *candidate]])
    mask = torch.arange(ids.shape[1])[None] < len(PROMPT)
    logits = model(input_ids=ids, prompt_mask=mask, use_cache=False).logits[0, len(PROMPT) - 1 : -1]
    return logits.log_softmax(-1).gather(1, torch.tensor(candidate)[:, None]).sum()


@pytest.mark.parametrize("heads", [(), (1,), (1, 2)])
def test_side_by_side_is_as_alone(heads) -> None:
    model, groups = adapted(tiny_causal.model(), 1, heads, TuningSettings(k=4))
    with torch.no_grad():
        for parameter in (each for group, _ in groups for each in group):
            parameter.add_(torch.randn_like(parameter) * 0.1)
        sequence = sequenced(PROMPT, CANDIDATES)
        batch, states = batch_of(model, [(sequence, lower_states(model, sequence, 1))], 1)
        together = candidate_scores(batch, token_scores(model, batch, states, 1))
        apart = torch.stack([alone(model, 1, candidate) for candidate in CANDIDATES])
    assert torch.allclose(together, apart, atol=1e-4)


@pytest.mark.parametrize("kept", [True, False])
@pytest.mark.parametrize("heads", [(), (1,)])
def test_prompts_of_a_batch_do_not_see_each_other(heads, kept) -> None:
    model, groups = adapted(tiny_causal.model(), 1, heads, TuningSettings(k=4))
    sequences = [sequenced(PROMPT, CANDIDATES), sequenced(PROMPT[:3], [[7], [8, 9]]), sequenced([3], [[4, 5, 6]])]
    with torch.no_grad():
        for parameter in (each for group, _ in groups for each in group):
            parameter.add_(torch.randn_like(parameter) * 0.1)
        asked = [(each, lower_states(model, each, 1) if kept else None) for each in sequences]

        def scores(together):
            batch, states = batch_of(model, together, 1)
            return candidate_scores(batch, token_scores(model, batch, states, 1))

        assert torch.allclose(scores(asked), torch.cat([scores([each]) for each in asked]), atol=1e-4)


def test_tuning_lowers_the_loss_and_moves_the_gates() -> None:
    settings = TuningSettings(steps=30, k=4, rate=1e-2)
    base = tiny_causal.model()
    model, groups = adapted(base, 1, (2,), settings)
    before = base.model.layers[2].self_attn.q_proj.weight.clone()
    tasks = [(each, lower_states(model, each, 1)) for each in (sequenced(PROMPT, [[row, row]]) for row in (7, 8))]
    curve = tune(model, groups, tasks, 1, settings)
    assert sum(curve.losses["taken"][-5:]) < sum(curve.losses["taken"][:5])
    (gate,) = (value for name, value in model.named_parameters() if name.endswith("gate"))
    assert gate != 0
    assert torch.equal(before, model.get_base_model().model.layers[2].self_attn.attention.q_proj.base_layer.weight)


def test_a_killed_tuning_ends_as_an_uninterrupted_one(tmp_path) -> None:
    settings = TuningSettings(steps=4, k=4)
    tasks = [(each, None) for each in [sequenced(PROMPT, [[7, 8]])]]

    def trained(checkpoint):
        model, groups = adapted(tiny_causal.model(), 1, (2,), settings)
        tune(model, groups, [(each, lower_states(model, each, 1)) for each, _ in tasks], 1, settings, checkpoint)
        return {name: value for name, value in model.named_parameters() if value.requires_grad}

    once = trained(tmp_path / "one.safetensors")
    again = trained(tmp_path / "one.safetensors")
    assert all(torch.equal(value, again[name]) for name, value in once.items())
    (tmp_path / "one.safetensors").write_bytes(b"cut")
    with pytest.raises(SettingsError, match=r"one\.safetensors is damaged .*: delete it"):
        trained(tmp_path / "one.safetensors")


def test_prompts_cut_titles_and_number_passages() -> None:
    words = tiny_causal.tokenizer()
    tokens = PromptTokens(words)
    long = "fox " * 50
    passages = [Passage("arctic fox", "tundra", "a"), Passage("rodents", "", "b")]
    sequence = tokens.sequence(["red fox", long], passages, [long, "night"])
    text = words.decode(sequence.ids[sequence.prompt].tolist())
    assert "- red fox" in text and "[1] arctic fox. tundra\n[2] rodents\n" in text
    assert int((sequence.branch == 0).sum()) == LONGEST_TITLE
    assert sequence.position[sequence.branch == 1][0] == sequence.prompt.sum()
