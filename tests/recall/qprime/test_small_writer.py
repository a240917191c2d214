from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tiny_causal
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file
from torch.nn import functional
from transformers import AutoModelForCausalLM, AutoTokenizer

from configs.reading import SettingsError
from corpus.schema import InputError
from recall.qprime.small_writer.examples import UNLEARNT, Example, batch_of, read_conversations, tokenized
from recall.qprime.small_writer.instructions import NO_QUERY, answer_text, conversation
from recall.qprime.small_writer.train import SmallWriterConfig, Trained, train_writer
from recall.qprime.writers.writer import WrittenQuery
from text_model.causal import FALLBACK_TEMPLATE, load_causal, prompt_text, token_ids

CONFIG = SmallWriterConfig(rank=4, alpha=8, rate=1e-2, steps=30, batch=4, max_length=200, checkpoint_every=10)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> str:
    return tiny_causal.save(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data") / "sft.jsonl"
    names = ("fox", "owl", "mice", "lynx", "wolf", "bear")
    lines = [conversation(f"Queries for {name}?", answer_text([WrittenQuery(f"arctic {name}", 0.9)])) for name in names]
    path.write_bytes(b"".join([*lines, conversation("word " * 500, NO_QUERY)]))
    return path


@pytest.fixture(scope="module")
def trained(base: str, data: Path, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return train_writer(base, data, tmp_path_factory.mktemp("trained"), CONFIG, merge=True)


def test_the_loss_falls(trained: Trained) -> None:
    losses = trained.curve.losses["answer"]
    assert len(losses) == CONFIG.steps
    assert np.mean(losses[-5:]) < np.mean(losses[:5]) / 2
    assert (trained.conversations, trained.too_long) == (6, 1)


def test_the_merged_model_loads_and_writes(trained: Trained, base: str) -> None:
    assert trained.merged is not None
    model, words = AutoModelForCausalLM.from_pretrained(trained.merged), AutoTokenizer.from_pretrained(trained.merged)
    assert words.chat_template == FALLBACK_TEMPLATE
    prompt = torch.tensor([token_ids(words, prompt_text(words, [{"role": "user", "content": "Queries for fox?"}]))])
    answer = torch.tensor([token_ids(words, '[{"query":"arctic')])
    written = model.generate(prompt, attention_mask=torch.ones_like(prompt), max_new_tokens=4, do_sample=False)
    assert written.shape[1] > prompt.shape[1]
    start = AutoModelForCausalLM.from_pretrained(base)
    losses = [_answer_loss(one, prompt, answer) for one in (start, model)]
    assert losses[1] < losses[0] / 2


def test_a_gguf_base_gives_a_gguf_writer(data: Path, tmp_path: Path) -> None:
    pytest.importorskip("gguf")  # the extra `llm`
    import tiny_gguf

    file = tiny_gguf.save(tmp_path / "tiny.gguf")
    trained = train_writer(str(file), data, tmp_path / "trained", replace(CONFIG, steps=5), merge=True)
    assert trained.served is not None
    prompt = torch.arange(6)[None]
    with torch.inference_mode():
        one, other, base = (load_causal(str(path))[0](prompt).logits for path in (trained.merged, trained.served, file))
    assert torch.allclose(one, other, atol=1e-4)
    assert not torch.allclose(one, base, atol=1e-2)


def _answer_loss(model: torch.nn.Module, prompt: torch.Tensor, answer: torch.Tensor) -> float:
    with torch.inference_mode():
        logits = model(torch.cat([prompt, answer], 1)).logits[0, prompt.shape[1] - 1 : -1]
    return float(functional.cross_entropy(logits, answer[0]))


def test_the_checkpoint_has_only_the_adapters(trained: Trained) -> None:
    names = load_file(trained.adapter.parent / "training.safetensors").keys()
    assert all(name.startswith(("model.learnt.", "optimizer.")) for name in names)
    adapter = load_file(trained.adapter / "adapter_model.safetensors")
    layers = {name.split(".")[-3] for name in adapter}
    assert layers == {"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"}


def test_a_resumed_run_ends_at_the_same_weights(trained: Trained, base: str, data: Path, tmp_path: Path) -> None:
    def kill(done: int) -> None:
        if done == 17:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_writer(base, data, tmp_path, CONFIG, False, kill)
    assert not (tmp_path / "adapter").exists()
    steps: list[int] = []
    again = train_writer(base, data, tmp_path, CONFIG, False, steps.append)
    assert steps[0] == 11  # after the last checkpoint
    assert again.curve.losses == trained.curve.losses
    ours, whole = (load_file(one.adapter / "adapter_model.safetensors") for one in (again, trained))
    assert all(torch.equal(ours[name], whole[name]) for name in whole)


def test_a_finished_run_trains_no_more(trained: Trained, base: str, data: Path) -> None:
    steps: list[int] = []
    train_writer(base, data, trained.adapter.parent, CONFIG, False, steps.append)
    assert steps == []


def test_another_run_is_not_resumed(trained: Trained, base: str, data: Path) -> None:
    other = SmallWriterConfig(rank=8)
    with pytest.raises(SettingsError, match="another rank"):
        train_writer(base, data, trained.adapter.parent, other, merge=False)


def test_gpt2_is_trained_too(data: Path, tmp_path: Path) -> None:
    config = SmallWriterConfig(rank=4, alpha=8, rate=1e-2, steps=12, batch=4, max_length=200)
    trained = train_writer(tiny_causal.save(tmp_path / "gpt2", "gpt2"), data, tmp_path / "out", config, merge=False)
    losses = trained.curve.losses["answer"]
    assert np.mean(losses[-3:]) < np.mean(losses[:3])


def test_the_prompt_is_masked_from_the_loss(data: Path) -> None:
    words = tiny_causal.tokenizer()
    words.chat_template = FALLBACK_TEMPLATE
    examples = tokenized(words, read_conversations(data), 200)
    row = examples.rows[0]
    assert words.decode(row.tokens[: row.prompt]) == "<s>### Instruction:\nQueries for fox?\n\n### Response:\n"
    assert words.decode(row.tokens[row.prompt :]) == '[{"query":"arctic fox","relevance":0.9}]</s>'
    batch = batch_of([row, examples.rows[2]])
    model = tiny_causal.model(words=len(words))
    with torch.inference_mode():
        loss, logits = model(**batch)[:2]
    answers = [(i, at) for i, one in enumerate((row, examples.rows[2])) for at in range(one.prompt, len(one.tokens))]
    losses = [functional.cross_entropy(logits[i, at - 1], batch["input_ids"][i, at]) for i, at in answers]
    assert float(loss) == pytest.approx(float(torch.stack(losses).mean()), rel=1e-4)


@given(st.lists(st.tuples(st.integers(1, 9), st.integers(1, 9)), min_size=1, max_size=6))
def test_a_batch_labels_every_answer_and_nothing_else(lengths: list[tuple[int, int]]) -> None:
    rows = [Example(list(range(1, prompt + answer + 1)), prompt) for prompt, answer in lengths]
    batch = batch_of(rows)
    for number, (prompt, answer) in enumerate(lengths):
        labels = batch["labels"][number].tolist()
        assert labels[:prompt] == [UNLEARNT] * prompt
        assert labels[prompt : prompt + answer] == rows[number].tokens[prompt:]
        assert set(labels[prompt + answer :]) <= {UNLEARNT}
        assert int(batch["attention_mask"][number].sum()) == prompt + answer


def test_the_models_own_template_is_used() -> None:
    words = tiny_causal.tokenizer()
    words.chat_template = (
        "{% for m in messages %}[{{ m['role'] }}]{{ m['content'] }}.{% endfor %}"
        "{% if add_generation_prompt %}[assistant]{% endif %}"
    )
    messages = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
    [row] = tokenized(words, [messages], 99).rows
    assert words.decode(row.tokens[: row.prompt]) == "[user]a.[assistant]"
    assert words.decode(row.tokens[row.prompt :]) == "b.</s>"  # that template marks no end
    words.chat_template = "{{ messages | length }}"
    with pytest.raises(SettingsError, match="chat template"):
        tokenized(words, [messages], 99)


@pytest.mark.parametrize(
    "line",
    ["{", "[]", '{"messages":[]}', '{"messages":[{"role":"user","content":"a"}]}', '{"messages":[{"role":"user"}]}'],
)
def test_an_invalid_line_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "sft.jsonl"
    path.write_bytes(conversation("a", "b") + line.encode())
    with pytest.raises(InputError, match="line 2 is not a conversation"):
        read_conversations(path)


def test_data_with_only_too_long_conversations_is_refused(data: Path, tmp_path: Path) -> None:
    words = tiny_causal.tokenizer()
    words.chat_template = FALLBACK_TEMPLATE
    with pytest.raises(InputError, match="longer than 5 tokens"):
        tokenized(words, read_conversations(data), 5)
    (tmp_path / "empty.jsonl").write_bytes(b"")
    with pytest.raises(InputError, match="has no conversations"):
        read_conversations(tmp_path / "empty.jsonl")


def test_a_base_with_other_weights_of_the_same_name_is_another_run(data: Path, tmp_path: Path) -> None:
    base, config = tiny_causal.save(tmp_path / "base"), replace(CONFIG, steps=1)
    train_writer(base, data, tmp_path / "out", config, merge=False)
    model = AutoModelForCausalLM.from_pretrained(base)
    model.lm_head.weight.data += 1
    model.save_pretrained(base)
    with pytest.raises(SettingsError, match="another base"):
        train_writer(base, data, tmp_path / "out", config, merge=False)
