from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tiny_causal
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file
from torch.nn import functional
from transformers import AutoModelForCausalLM, AutoTokenizer
from written_queries import DOWN, FOX, LOGIN, OWL, ROWS, page, write_pages, write_queries

from configs.reading import SettingsError
from corpus.schema import InputError
from recall.qprime.page_prompt import packaged_prompt, read_prompt
from recall.qprime.row import pack
from recall.qprime.small_writer.examples import UNLEARNT, Example, batch_of, read_conversations, tokenized
from recall.qprime.small_writer.instructions import NO_QUERY, Counts, answer_text, conversation, instructions
from recall.qprime.small_writer.satisfied import satisfied_pairs, satisfied_queries
from recall.qprime.small_writer.train import SmallWriterConfig, Trained, train_writer
from recall.qprime.writer import WrittenQuery
from store.page_row import PageText
from store.tables import LmdbTable, write_table
from text_model.causal import FALLBACK_TEMPLATE, asked, token_ids

LYNX, MICE = "https://b.example/lynx", "https://b.example/mice"
PROMPT = packaged_prompt("small_writer")
CONFIG = SmallWriterConfig(rank=4, alpha=8, rate=1e-2, steps=30, batch=4, max_length=200, checkpoint_every=10)


def exported(
    folder: Path, rows: list | None = None, clicked: dict[int, frozenset[str]] | None = None
) -> tuple[dict[str, str], Counts]:
    """Return URL -> answer, and the counts."""
    counts = Counts()
    files = write_queries(folder / "queries.parquet", ROWS if rows is None else rows), write_pages(folder / "p.parquet")
    answers = {}
    for line in instructions(*files, PROMPT, counts, clicked):
        user, assistant = json.loads(line)["messages"]
        assert (user["role"], assistant["role"]) == ("user", "assistant")
        answers[next(url for url in (FOX, OWL, LOGIN, DOWN) if f"URL: {url}\n" in user["content"])] = assistant[
            "content"
        ]
    return answers, counts


@pytest.fixture
def shown(tmp_path: Path) -> Path:
    path = tmp_path / "impressions.csv"
    path.write_text(
        "impression,url1,url2,clicked,dwell_s\n"
        f"1,{FOX},{LYNX},1,31\n"  # satisfied
        f"1,{FOX},{MICE},1,5\n"
        f"2,{FOX},{MICE},0,\n"
        f"2,{OWL},{MICE},1,\n"  # nobody knows how long
        f"3,not a page,{MICE},1,90\n"
        f"3,{OWL},{LYNX},1,90\n"  # that page was not found by a query
    )
    return path


def test_written_pages_become_conversations_in_the_format_that_the_prompt_asks_for(tmp_path: Path) -> None:
    answers, counts = exported(tmp_path)
    assert json.loads(answers[FOX]) == [
        {"query": "arctic  fox", "relevance": 0.9},
        {"query": "fox hunting law", "relevance": 0.5},
    ]
    assert answers[LOGIN] == NO_QUERY
    assert answers.keys() == {FOX, OWL, LOGIN}
    assert (counts.conversations, counts.none, counts.queries) == (3, 1, 3)
    assert +counts.pages_left_out == {"not answered": 1}


def test_the_prompt_tells_of_the_page(tmp_path: Path) -> None:
    files = write_queries(tmp_path / "q.parquet", [ROWS[0]]), write_pages(tmp_path / "p.parquet")
    [line] = instructions(*files, PROMPT, Counts())
    asked_for = json.loads(line)["messages"][0]["content"]
    assert f"Title: Title of {FOX}\n" in asked_for
    assert "A snippet.\nThe body, which goes on." in asked_for


def test_a_page_whose_queries_were_all_filtered_is_not_taught_as_one_without(tmp_path: Path) -> None:
    answers, counts = exported(tmp_path, [(FOX, "written", {}), ROWS[2]])
    assert answers == {LOGIN: NO_QUERY}
    assert +counts.pages_left_out == {"no query passed a filter": 1}


def test_only_clicked_queries_stay(tmp_path: Path) -> None:
    answers, counts = exported(tmp_path, clicked={page(FOX): frozenset({"arctic fox"})})
    assert [query["query"] for query in json.loads(answers[FOX])] == ["arctic  fox"]
    assert answers.keys() == {FOX, LOGIN}
    assert +counts.pages_left_out == {"not answered": 1, "no satisfied click": 1}
    assert +counts.queries_left_out == {"without a satisfied click": 2}


def test_a_page_that_the_build_does_not_know_is_counted(tmp_path: Path) -> None:
    answers, counts = exported(tmp_path, [*ROWS, ("https://c.example/", "none", {})])
    assert len(answers) == 3
    assert counts.pages_left_out["not among the pages"] == 1


def test_no_rows_are_no_conversations(tmp_path: Path) -> None:
    assert exported(tmp_path, [])[0] == {}


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([ROWS[0], ROWS[0]], "more than once"),
        ([(FOX, "maybe", {})], "outcome 'maybe'"),
        ([(FOX, "written", {"fox": 7.0})], "relevance 7"),
        ([(FOX, "written", {"": 0.5})], "query ''"),
        ([(FOX, "written", {"fox": float("nan")})], "relevance nan"),
    ],
)
def test_a_row_that_says_nothing_sound_is_refused(tmp_path: Path, rows: list, message: str) -> None:
    with pytest.raises(InputError, match=message):
        exported(tmp_path, rows)


def test_files_of_another_kind_are_refused(tmp_path: Path) -> None:
    pages, text = write_pages(tmp_path / "p.parquet"), tmp_path / "text.parquet"
    text.write_text("no table")
    with pytest.raises(InputError, match="column 'outcome' is missing"):
        list(instructions(pages, pages, PROMPT, Counts()))
    with pytest.raises(InputError, match=r"text\.parquet is no Parquet file"):
        list(instructions(text, pages, PROMPT, Counts()))
    queries = write_queries(tmp_path / "q.parquet")
    with pytest.raises(InputError, match="column 'url' is missing"):
        list(instructions(queries, queries, PROMPT, Counts()))
    with pytest.raises(InputError, match=r"text\.parquet is no Parquet file"):
        list(instructions(queries, text, PROMPT, Counts()))
    pq.write_table(pq.read_table(queries).set_column(0, "page", pa.array(["a"] * 4)), queries)
    with pytest.raises(InputError, match="column 'page' is string: write uint64"):
        list(instructions(queries, pages, PROMPT, Counts()))


def test_a_satisfied_click_is_one_whose_reader_stayed(shown: Path) -> None:
    fox, owl, lynx, mice = map(page, (FOX, OWL, LYNX, MICE))
    assert satisfied_pairs(shown, 30) == {(fox, lynx), (owl, lynx)}
    assert satisfied_pairs(shown, 5) == {(fox, lynx), (owl, lynx), (fox, mice)}


def test_the_queries_of_satisfied_clicks_are_those_that_found_the_page(shown: Path, tmp_path: Path) -> None:
    fox, owl, lynx, mice = map(page, (FOX, OWL, LYNX, MICE))
    queries = ["fox food", "arctic fox"]
    row = pack(np.array([mice, lynx], np.uint64), np.array([4.0, 3.0]), np.array([0, 1]), queries)
    other = pack(np.array([mice], np.uint64), np.array([4.0]), np.array([0]), ["owl food"])
    write_table(tmp_path / "qprime.lmdb", [(fox, row), (owl, other)])
    table = LmdbTable(tmp_path / "qprime.lmdb")
    assert satisfied_queries(table, shown, 30) == {fox: frozenset({"arctic fox"})}
    assert satisfied_queries(table, shown, 5) == {fox: frozenset({"arctic fox", "fox food"})}
    table.close()


def test_impressions_without_times_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "impressions.csv"
    path.write_text(f"url1,url2,clicked\n{FOX},{MICE},1\n")
    with pytest.raises(InputError, match="column 'dwell_s' is missing"):
        satisfied_pairs(path, 30)
    with pytest.raises(InputError, match="is no file"):
        satisfied_pairs(tmp_path / "nothing.csv", 30)
    with pytest.raises(InputError, match="unknown ending"):
        satisfied_pairs(write_pages(tmp_path / "pages.txt"), 30)


def test_a_prompt_of_ones_own_has_the_holes_of_a_page(tmp_path: Path) -> None:
    path = tmp_path / "prompt.txt"
    path.write_text("For $$1: $title, $text")
    assert read_prompt(path).fill(PageText("u", "T", "x" * 9_999, "")) == f"For $1: T, {'x' * 2_000}"
    for text, message in (
        ("$text $name", r"holds \$name"),
        ("$text 5$", "begins no hole"),
        ("$title", r"no hole \$text"),
    ):
        path.write_text(text)
        with pytest.raises(SettingsError, match=message):
            read_prompt(path)


# Training


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
    prompt = torch.tensor([token_ids(words, asked(words, [{"role": "user", "content": "Queries for fox?"}]))])
    answer = torch.tensor([token_ids(words, '[{"query":"arctic')])
    written = model.generate(prompt, attention_mask=torch.ones_like(prompt), max_new_tokens=4, do_sample=False)
    assert written.shape[1] > prompt.shape[1]
    start = AutoModelForCausalLM.from_pretrained(base)
    losses = [_answer_loss(one, prompt, answer) for one in (start, model)]
    assert losses[1] < losses[0] / 2


def _answer_loss(model: torch.nn.Module, prompt: torch.Tensor, answer: torch.Tensor) -> float:
    with torch.inference_mode():
        logits = model(torch.cat([prompt, answer], 1)).logits[0, prompt.shape[1] - 1 : -1]
    return float(functional.cross_entropy(logits, answer[0]))


def test_the_checkpoint_holds_adapters_and_no_base(trained: Trained) -> None:
    names = load_file(trained.adapter.parent / "training.safetensors").keys()
    assert all(name.startswith(("model.learnt.", "optimizer.")) for name in names)
    adapter = load_file(trained.adapter / "adapter_model.safetensors")
    layers = {name.split(".")[-3] for name in adapter}
    assert layers == {"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"}


def test_a_killed_run_goes_on_to_the_same_weights(trained: Trained, base: str, data: Path, tmp_path: Path) -> None:
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


def test_another_run_is_not_gone_on_with(trained: Trained, base: str, data: Path) -> None:
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


def test_a_template_of_the_models_own_is_used() -> None:
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
def test_a_line_that_is_no_conversation_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "sft.jsonl"
    path.write_bytes(conversation("a", "b") + line.encode())
    with pytest.raises(InputError, match="line 2 is no conversation"):
        read_conversations(path)


def test_data_without_a_conversation_that_fits_is_refused(data: Path, tmp_path: Path) -> None:
    words = tiny_causal.tokenizer()
    words.chat_template = FALLBACK_TEMPLATE
    with pytest.raises(InputError, match="longer than 5 tokens"):
        tokenized(words, read_conversations(data), 5)
    (tmp_path / "empty.jsonl").write_bytes(b"")
    with pytest.raises(InputError, match="holds no conversation"):
        read_conversations(tmp_path / "empty.jsonl")
