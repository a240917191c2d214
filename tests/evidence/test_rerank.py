"""A language model's scores of stored lists: asked once, weighed on held-out steps, published only where they help."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
import tiny_causal
import torch
from click import unstyle
from typer.testing import CliRunner

from cli.main import app
from configs.reading import SettingsError
from evidence.learnt import save_learnt, with_learnt
from evidence.likelihood import batch_of, candidate_means, token_scores
from evidence.llm_weight import weigh
from evidence.page_evidence import PageEvidence, open_index
from evidence.prompt_tokens import READS, PromptTokens, sequenced
from evidence.rerank import Reranker, open_answers, rerank
from evidence.score_cache import ScoreCache
from evidence.stored_lists import thin_lists
from evidence.title_scorer import TitleScorer, model_hash
from evidence.tuning import TuningSettings, adapted
from pipeline.build import build
from ranking.blend import Blend
from ranking.stored_answers import FILE, HEAD, PATHS
from store import answer_row
from store.bundle import BundleError, current_name, open_bundle, published
from store.page_row import read_facts
from store.tables import LmdbTable
from tests.conftest import WITH_ANSWERS

KEY = "0123456789ab"  # of an index


@pytest.fixture
def bundles(stored, tmp_path):
    return stored.link(tmp_path / "bundles")


@pytest.fixture
def later(tmp_path):
    """A folder with the tiny sessions once more, after the end of the bundle's log."""
    from tests.conftest import DAYS, tiny_clicks

    clicks = tiny_clicks()
    times = pc.add(clicks["time"], pa.scalar(timedelta(days=DAYS + 1)))
    (tmp_path / "data").mkdir()
    pq.write_table(clicks.set_column(2, "time", times), tmp_path / "data" / "clicks.parquet")
    return tmp_path / "data"


@pytest.fixture
def tables(bundles):
    bundle = open_bundle(bundles)
    with closing(LmdbTable(bundle.file("tables/pages.lmdb"))) as pages, closing(open_answers(bundle)) as answers:
        yield pages, answers


@pytest.fixture
def tokens():
    return PromptTokens(tiny_causal.tokenizer(), READS)


def scorer(tmp_path, tokens, **options):
    return TitleScorer(tiny_causal.model(), tokens, ScoreCache(tmp_path / "scores.sqlite"), **options)


class Knows:
    """Scores as a model that knows the pages which readers took would."""

    asked = 0

    def __init__(self, taken, lists):
        self._best = {tuple(each.titles): np.isin(each.stored.pages, taken.get(each.page, ())) for each in lists}

    def scores(self, page, passages, titles):
        self.asked += 1
        return self._best[tuple(titles)].astype(np.float32) - 3


def steps_of(lists, seed=0):
    """Two readers of each page, who take candidates from far down in the list."""
    draw = np.random.default_rng(seed)
    return {each.page: draw.choice(each.stored.pages[len(each.stored.pages) // 2 :], 2) for each in lists}


def test_the_score_is_the_likelihood_per_token() -> None:
    model, prompt, candidates = tiny_causal.model(), [5, 9, 200], [[40, 41, 42], [40]]
    sequence = sequenced(prompt, candidates)
    with torch.no_grad():
        batch, states = batch_of(model, [(sequence, None)], 0)
        found = candidate_means(batch, token_scores(model, batch, states, 0))
        for number, own in enumerate(candidates):
            logits = model(input_ids=torch.tensor([[*prompt, *own]])).logits[0, len(prompt) - 1 : -1]
            alone = logits.log_softmax(-1).gather(1, torch.tensor(own)[:, None]).mean()
            assert found[number] == pytest.approx(float(alone), abs=1e-4)


def test_nothing_is_asked_twice_and_another_model_or_prompt_is_another_question(tmp_path, tokens) -> None:
    first, again = scorer(tmp_path, tokens), scorer(tmp_path, tokens)
    titles = ["red fox", "small rodents of the tundra"]
    found = first.scores("arctic fox", [], titles)
    np.testing.assert_array_equal(again.scores("arctic fox", [], titles), found)
    assert (first.asked, again.asked) == (1, 0)
    again.scores("arctic fox. tundra", [], titles)
    assert again.asked == 1
    other = tiny_causal.model()
    with torch.no_grad():
        other.model.layers[0].mlp.up_proj.weight[0, 0] += 1
    assert model_hash(other) != model_hash(tiny_causal.model())


@pytest.mark.parametrize(
    "kept", [None, "text", b"", b"abc", np.ones(1, "<f4").tobytes(), np.array([np.nan, 1], "<f4").tobytes()]
)
def test_a_damaged_answer_is_asked_again(tmp_path, tokens, kept) -> None:
    titles = ["red fox", "night"]
    found = scorer(tmp_path, tokens).scores("fox", [], titles)
    with closing(sqlite3.connect(tmp_path / "scores.sqlite")) as file, file:
        file.execute("UPDATE scores SET blob = ?", (kept,))
    again = scorer(tmp_path, tokens)
    np.testing.assert_array_equal(again.scores("fox", [], titles), found)
    assert again.asked == 1


def test_a_share_of_what_is_likely_anyway_is_taken_off(tmp_path, tokens) -> None:
    titles = ["red fox", "night"]
    plain, less = (scorer(tmp_path, tokens, prior=share).scores("fox", [], titles) for share in (0.0, 1.0))
    half = scorer(tmp_path, tokens, prior=0.5).scores("fox", [], titles)
    np.testing.assert_allclose(half, (plain + less) / 2, atol=1e-5)
    assert not np.allclose(plain, less)


def test_a_model_of_another_kind_is_refused(tmp_path, tokens) -> None:
    with pytest.raises(SettingsError, match="--model is a gpt2: give a LLaMA"):
        TitleScorer(tiny_causal.model("gpt2"), tokens, ScoreCache(tmp_path / "scores.sqlite"))


def test_thin_pages_come_first_with_candidates_as_stored(tables) -> None:
    pages, answers = tables
    lists = list(thin_lists(pages, answers, 50))
    assert len(lists) == 50
    clicks = read_facts(pages.read(np.array([each.page for each in lists], np.uint64)))["clicks_all"]
    assert (np.diff(clicks.astype(np.int64)) >= 0).all()
    row = answers.get(lists[0].page)
    np.testing.assert_array_equal(lists[0].stored.pages, answer_row.read(row, len(PATHS)).pages)
    assert len(lists[0].titles) == len(lists[0].stored.pages)


def test_evidence_is_of_the_pages_subject_and_not_the_page_itself(tables, tmp_path, tokens) -> None:
    pages, answers = tables
    evidence = PageEvidence(pages, open_index(pages, tmp_path, KEY), tokens.count)
    for each in thin_lists(pages, answers, 5):
        found = evidence.of(each.text)
        assert found and each.text.url not in {passage.address for passage in found}
        topic = each.text.url.split("/")[3]
        assert sum(passage.address.split("/")[3] == topic for passage in found) > len(found) / 2
    assert [hits.pages.size for hits in open_index(pages, tmp_path, KEY).search(["nothing-of-this"], 3)] == [0]


def test_indexes_of_other_pages_are_removed_and_nothing_else(tables, tmp_path) -> None:
    pages, _ = tables
    open_index(pages, tmp_path, "ba9876543210")
    (tmp_path / "index-0123456789cd.writing").mkdir()
    (tmp_path / "index-of-mine").mkdir()
    open_index(pages, tmp_path, KEY)
    open_index(pages, tmp_path, KEY)
    assert {path.name for path in tmp_path.glob("index-*")} == {f"index-{KEY}", "index-of-mine"}


def test_scores_that_know_get_a_weight_and_noise_gets_none(tables, bundles) -> None:
    lists = list(thin_lists(*tables, 60))
    steps, blend = steps_of(lists), Blend.load(open_bundle(bundles).file("blend.json"))
    model = Knows(steps, lists)
    found = weigh(lists, [model.scores("", [], each.titles) for each in lists], steps, blend, 0)
    assert found.choice.weight > 0 and found.choice.ndcg_with > found.choice.ndcg
    assert 0 < found.choice.low < found.choice.ndcg_with - found.choice.ndcg < found.choice.high
    column = found.column(model.scores("", [], lists[0].titles))
    assert column.mean() == pytest.approx(0, abs=1e-5) and column.max() > 0
    noise, content = np.random.default_rng(1), {each.page: each.stored.pages[:2] for each in lists}
    scores = [noise.normal(size=len(each.titles)).astype(np.float32) for each in lists]
    assert weigh(lists, scores, content, blend, 0).choice.weight == 0
    constant = [np.full(len(each.titles), -2, np.float32) for each in lists]
    assert weigh(lists, constant, steps, blend, 0).choice.weight == 0


def test_a_column_that_helps_makes_a_new_bundle_and_touches_nothing_else(tables, bundles) -> None:
    old = open_bundle(bundles)
    lists = list(thin_lists(*tables, 60))
    steps = steps_of(lists[:40])
    model = Knows(steps, lists)
    done = rerank(bundles, old, Reranker(*tables, model, None), steps, most=60, weigh_on=35)
    assert (done.weighed, done.written, done.why, model.asked) == (35, 60, "", 60)
    new = open_bundle(bundles)
    assert done.bundle == new.name != old.name
    assert {name for name in new.manifest.files if new.manifest.files[name] != old.manifest.files[name]} == {FILE}
    assert new.manifest.metrics["llm"]["weight"] == done.choice["weight"] > 0
    assert old.name not in new.manifest.metrics["llm"].values()
    chosen = {each.page for each in lists}
    with closing(LmdbTable(new.file(FILE))) as answers:
        rows = dict(answers.items())
    assert rows[HEAD] == tables[1].get(HEAD) and len(rows) == len(tables[1])
    for page, row in rows.items():
        if page in chosen:
            assert answer_row.read(row, len(PATHS)).llm is not None
            assert answer_row.with_llm(page, row, None) == tables[1].get(page)
        else:
            assert row == tables[1].get(page)


def test_the_next_build_keeps_the_column_and_its_figures(stored, tmp_path) -> None:
    bundles = stored.link(tmp_path / "with work", work=True)
    bundle = open_bundle(bundles)
    with closing(LmdbTable(bundle.file("tables/pages.lmdb"))) as pages, closing(open_answers(bundle)) as answers:
        lists = list(thin_lists(pages, answers, 60))
        steps = steps_of(lists[:40])
        rerank(bundles, bundle, Reranker(pages, answers, Knows(steps, lists), None), steps, 60, 35)
    before = open_bundle(bundles)
    session = replace(WITH_ANSWERS.session, draws=1_000)  # another step than that of the answers
    after = build(stored.data, bundles, WITH_ANSWERS.model_copy(update={"session": session}))
    assert after is not None and after.name != before.name
    assert after.manifest.files[FILE] == before.manifest.files[FILE]
    assert after.manifest.metrics["llm"] == before.manifest.metrics["llm"]


def test_a_column_that_does_not_help_changes_nothing_and_the_other_pages_are_not_asked(tables, bundles) -> None:
    old = open_bundle(bundles)
    lists = list(thin_lists(*tables, 60))
    steps = steps_of(lists[:40])
    model = Knows({}, lists)
    done = rerank(bundles, old, Reranker(*tables, model, None), steps, 60, 40)
    assert (done.bundle, done.written, done.why, model.asked) == (old.name, 0, "its gain may be chance", 40)
    assert current_name(bundles) == old.name
    few = rerank(bundles, old, Reranker(*tables, model, None), dict(list(steps.items())[:3]), 60, 40)
    assert "3 pages only" in few.why and model.asked == 40


def test_a_bundle_that_became_current_meanwhile_stays(tables, bundles) -> None:
    old = open_bundle(bundles)
    lists = list(thin_lists(*tables, 60))
    steps = steps_of(lists[:40])
    reranker = Reranker(*tables, Knows(steps, lists), None)
    newer = rerank(bundles, old, reranker, steps, 60, 35).bundle
    with pytest.raises(BundleError, match=f"{newer} became current meanwhile, and is not {old.name}: run the command"):
        rerank(bundles, old, reranker, steps, 60, 35)
    assert current_name(bundles) == newer
    assert published(bundles)[-1] == newer and not (bundles / ".refreshing").exists()


def command(bundles, *arguments):
    return CliRunner().invoke(app, ["rerank-llm", "--bundles", str(bundles), *map(str, arguments)])


def test_the_command_asks_a_model_and_resumes(bundles, later, tmp_path) -> None:
    model, out = tiny_causal.save(tmp_path / "model"), tmp_path / "out.json"
    arguments = ["--data", later, "--model", model, "--pages", "60", "--weigh-on", "40", "--json", out]
    done = command(bundles, *arguments)
    assert done.exit_code == 0, done.output
    figures = json.loads(out.read_bytes())
    assert figures["weighed"] == 40
    assert figures["asked"] == (figures["written"] or 40)
    assert "NDCG@5" in done.stdout
    if not figures["written"]:
        assert figures["bundle"] == current_name(bundles) and "nothing changed" in done.stdout
        again = command(bundles, *arguments)
        assert again.exit_code == 0
        assert json.loads(out.read_bytes()) == figures | {"asked": 0, "seconds_per_page": None}


def test_wrong_input_is_named(bundles, later, tmp_path, tiny) -> None:
    model = tiny_causal.save(tmp_path / "model")
    assert "--data" in command(bundles, "--model", model).output
    (tmp_path / "empty").mkdir()
    assert "clicks.parquet" in command(bundles, "--model", model, "--data", tmp_path / "empty").output
    missing = command(bundles, "--model", tmp_path / "none", "--data", later)
    assert "no causal language model" in str(missing.exception)
    beside = command(bundles, "--model", tmp_path / "none", "--data", later, "--work", bundles)  # locked once
    assert "no causal language model" in str(beside.exception)
    without = command(tiny.link(tmp_path / "tiny"), "--model", model, "--data", later)
    assert "no stored answers" in str(without.exception)
    early = command(bundles, "--model", model, "--data", tiny.data)
    assert "give later clicks" in str(early.exception)
    seen = command(bundles, "--model", model, "--data", later, "--since", "2025-03-02")
    assert (seen.exit_code, "has learnt from its log until" in " ".join(seen.output.split())) == (2, True)
    nowhere = command(bundles, "--model", tmp_path / "none", "--data", later, "--json", tmp_path / "none" / "x.json")
    assert nowhere.exit_code == 2 and "create it first" in unstyle(nowhere.output)
    broken = tmp_path / "heads.safetensors"
    broken.write_bytes(b"no weights")
    assert "--mp-head" in str(command(bundles, "--model", model, "--data", later, "--mp-head", broken).exception)


def test_what_a_row_has_learnt_is_read_again_into_its_own_model_only(tmp_path) -> None:
    settings = TuningSettings(k=4)
    model, groups = adapted(tiny_causal.model(), 1, (1,), settings)
    with torch.no_grad():
        for parameter in (each for group, _ in groups for each in group):
            parameter.add_(torch.randn_like(parameter) * 0.1)
    save_learnt(tmp_path / "x.learnt.safetensors", model, 1, (1,), settings)
    again = with_learnt(tiny_causal.model(), tmp_path / "x.learnt.safetensors")
    assert model_hash(again) == model_hash(model) != model_hash(tiny_causal.model())
    other = tiny_causal.model()
    other.config.num_hidden_layers = 1
    other.model.layers = other.model.layers[:1]
    with pytest.raises(SettingsError, match="--mp-head"):
        with_learnt(other, tmp_path / "x.learnt.safetensors")
