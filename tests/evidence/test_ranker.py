"""The ranker's data, baselines, metrics and table."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tiny_causal
from typer.testing import CliRunner

from cli.main import app
from configs.reading import SettingsError
from evidence.ablation import AblationSettings, prepare
from evidence.amazon import older_sequences, read_items, split
from evidence.item_baselines import model_scores, popularity, sequence_model, transitions
from evidence.ranking_metrics import by_task, target_ranks
from evidence.table import ELSEWHERE, LOSS, MAIN, PLAIN, SHOWN, Row, Scored, gains, row
from evidence.tuning import TuningSettings

ITEMS = 60


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Two sets of 60 items; every user goes round in steps of one."""
    folder = tmp_path_factory.mktemp("items")
    colours = ["red", "blue", "green", "black", "white", "amber", "violet", "silver", "golden", "scarlet"]
    things = {"beauty": "cream brush soap perfume lipstick mirror", "toys": "car train doll puzzle kite robot"}
    for name, words in things.items():
        kinds = words.split()
        titles = [f"{colours[item % 10]} {kinds[item // 10]} &amp; fox" for item in range(ITEMS)]
        items = {"item": range(ITEMS), "title": titles, "category": [f"{name} > night > rodents"] * ITEMS}
        sequences = [[(start + step) % ITEMS for step in range(6 + start % 3)] for start in range(ITEMS)]
        pq.write_table(pa.table({k: list(v) for k, v in items.items()}), folder / f"{name}_items.parquet")
        rows = {"user": list(range(ITEMS)), "items": sequences}
        pq.write_table(pa.table(rows), folder / f"{name}_sequences.parquet")
    return folder


def test_each_user_is_asked_for_the_last_item_which_nobody_learns(data) -> None:
    items = read_items(data, "beauty")
    assert items.titles[3] == "black cream & fox"
    splits = split(items, 20, 10, 10, 0)
    for tasks, end in ((splits.validation, 2), (splits.test, 1)):
        for task in tasks:
            own = items.sequences[task.user]
            assert task.target == own[-end] and list(task.history) == own[:-end][-10:]
            assert len(set(task.candidates)) == 20 and task.target in task.candidates
            assert not (set(task.candidates) - {task.target}) & set(own)
    for task in splits.train:
        own = items.sequences[task.user]
        assert task.target == own[-3] and list(task.history) == own[:-3][-10:]
        assert len(set(task.candidates)) == 20 and not (set(task.candidates) - {task.target}) & set(own[:-2])
    later = [set(task.candidates) & set(items.sequences[task.user][-2:]) for task in splits.train]
    assert any(later)  # training does not tell what a user takes later by leaving it out
    assert not {task.user for task in splits.validation} & {task.user for task in splits.test}
    assert all(task.history[-1] + 1 == task.target or task.target == 0 for task in splits.train)
    assert [len(own) for own in older_sequences(items)] == [len(own) - 2 for own in items.sequences]


def test_bad_data_is_named(data, tmp_path) -> None:
    with pytest.raises(SettingsError, match="books_items"):
        read_items(data, "books")
    with pytest.raises(SettingsError, match="fewer tasks"):
        split(read_items(data, "beauty"), 10, 50, 50, 0)
    few = replace(read_items(data, "beauty"), titles=["fox"] * 26)
    with pytest.raises(SettingsError, match="has 26 items, of which one user took 8: 20 candidates need 19 others"):
        split(few, 10, 10, 10, 0)


def ranks(scores, tasks):
    return target_ranks(scores, np.array([task.candidates.index(task.target) for task in tasks]))


def test_transitions_and_the_sequence_model_learn_the_order_and_popularity_does_not(data) -> None:
    items = read_items(data, "beauty")
    old, tasks = older_sequences(items), split(items, 10, 20, 20, 0).test
    model = sequence_model(old, ITEMS, 0, epochs=150)
    assert ranks(model_scores(model, tasks), tasks).mean() < 3
    assert ranks(transitions(old, tasks), tasks).mean() < 3
    assert ranks(popularity(old, tasks), tasks).mean() > 5


def test_equal_scores_share_their_ranks() -> None:
    scores = np.array([[1.0, 1.0, 1.0], [3.0, 2.0, 1.0]])
    assert target_ranks(scores, np.array([0, 1])).tolist() == [2.0, 2.0]


def test_a_model_that_diverged_gains_nothing() -> None:
    scores = np.array([[np.nan, np.nan, np.nan], [np.nan, 1.0, 2.0], [3.0, np.nan, 2.0]])
    assert target_ranks(scores, np.array([1, 0, 0])).tolist() == [2.0, 3.0, 1.0]
    values = by_task(np.array([1.0, 2.0, 7.0]))
    assert values["HR@5"].tolist() == [1, 1, 0]
    assert values["NDCG@10"][2] == pytest.approx(1 / 3)


def test_the_weight_is_chosen_on_validation_alone(data) -> None:
    splits = split(read_items(data, "beauty"), 5, 10, 10, 0)

    def wanted(tasks):
        return np.array([[item == task.target for item in task.candidates] for task in tasks], np.float64)

    noise = np.random.default_rng(0).normal(0, 5, (10, 20))
    scores = Scored(wanted(splits.validation) + noise, noise, noise, noise)
    made = row("tuned, x", scores, splits.validation, splits.test)
    assert made.weight == pytest.approx(1.0, abs=0.1)
    assert made.values[MAIN].mean() < 1
    assert {PLAIN, LOSS} <= made.values.keys()


def test_a_model_that_diverged_has_a_weight(data) -> None:
    splits = split(read_items(data, "beauty"), 5, 10, 10, 0)
    none = np.full((10, 20), np.nan)
    made = row("tuned, x", Scored(none, none, none, none), splits.validation, splits.test)
    assert made.weight == 0 and made.values[MAIN].mean() < 0.3


def test_a_prior_that_is_no_number_spoils_no_score(data) -> None:
    splits = split(read_items(data, "beauty"), 5, 10, 10, 0)
    good = np.array([[item == task.target for item in task.candidates] for task in splits.test], np.float64)
    made = row(
        "tuned, x", Scored(good, good, np.full((10, 20), np.nan), np.full((10, 20), np.nan)), splits.test, splits.test
    )
    assert made.weight == 0 and made.values[MAIN].mean() == 1


def ablation(data, work):
    settings = AblationSettings(
        train=8, validation=3, test=5, first=1, heads=((1,),), counts=(2,), epochs=1,
        tuning=TuningSettings(steps=3, batch=4, rate=0.1, k=4),
    )  # fmt: skip
    return prepare(data, "beauty", "toys", tiny_causal.model(), tiny_causal.tokenizer(), settings, work, print)


@pytest.fixture(scope="module")
def rows(data, tmp_path_factory):
    return ablation(data, tmp_path_factory.mktemp("work")).rows()


def test_rows_are_the_same_whatever_shares_a_batch(data, rows, tmp_path, monkeypatch) -> None:
    for module in ("ablation", "tuning"):
        monkeypatch.setattr(f"evidence.{module}.at_once", lambda model: 3)
    for name, scored in ablation(data, tmp_path).rows().items():
        for one, three in zip(rows[name], scored, strict=True):
            assert one is three is None or np.allclose(one, three, atol=1e-2), name


def test_what_is_taken_off_is_the_rows_own_models(rows) -> None:
    base, tuned, two = (
        rows[name].prior_test for name in ("LLM as it is, no evidence", "tuned, 10 passages", "tuned, 2 passages")
    )
    assert (base < 0).all() and not np.allclose(base, tuned, atol=0.1)
    np.testing.assert_array_equal(tuned, two)


def test_gains_tell_apart_tasks_whose_passages_have_the_right_item() -> None:
    plain = {MAIN: np.zeros(4), PLAIN: np.zeros(4), LOSS: np.zeros(4)}
    better = {**plain, PLAIN: np.array([1.0, 0, 0, 0.5])}
    (gain,) = gains([Row("a", better), Row("b", plain)], [("a", "b")], range(4), [True, False, False, True])
    assert (gain[SHOWN].mean, gain[ELSEWHERE].mean, gain[PLAIN].mean) == (0.75, 0, 0.375)


def test_it_is_told_whether_the_passages_have_the_right_item(data, tmp_path) -> None:
    made = ablation(data, tmp_path)
    task = made.splits.test[0]
    addresses = {passage.address for passage in made.evidence.of(task, 10)}
    found = [item for item in range(ITEMS) if f"beauty/{item}" in addresses]
    assert 0 < len(found) < ITEMS
    shown = [item for item in range(ITEMS) if made.evidence.shows(replace(task, target=item), 10)]
    assert shown == found
    assert made.shown() == [made.evidence.shows(task, 10) for task in made.splits.test]


def test_the_command_gives_a_table_and_resumes(data, tmp_path) -> None:
    model, out = tiny_causal.save(tmp_path / "model"), tmp_path / "out.json"
    sizes = {"train": 4, "validation": 3, "test": 5, "steps": 2, "first": 1, "heads": "1;1,2", "counts": "2"}
    sizes |= {"data": data, "work": tmp_path / "work", "model": model, "json": out, "sets": "beauty"}
    arguments = ["ablate", "evidence", *(word for key, value in sizes.items() for word in (f"--{key}", str(value)))]
    done = CliRunner().invoke(app, [*arguments, "--seeds", "2"])
    assert done.exit_code == 0, done.output
    (report,) = json.loads(out.read_bytes())
    assert report["test_tasks"] == 10
    about = json.loads((tmp_path / "work" / "beauty-1" / "run.json").read_bytes())
    assert (about["seed"], about["listed"]) == (1, False)
    assert [row["row"] for row in report["rows"]] == [
        "popularity", "transition counts", "SASRec-like", "LLM as it is, no evidence", "LLM as it is, 10 passages",
        "tuned, no evidence", "tuned, 10 passages", "tuned, 2 passages", "tuned, MP-Head 1, 10 passages",
        "tuned, MP-Head 1, 2 passages", "tuned, MP-Head 1+2, 10 passages",
    ]  # fmt: skip
    heads = [f"tuned, MP-Head {layers}, 10 passages" for layers in ("1", "1+2")]
    assert [gain["row"] for gain in report["gains"]][3:] == [*heads, *heads]
    again = CliRunner().invoke(app, [*arguments, "--seeds", "2"])
    assert again.exit_code == 0 and "done" not in again.stderr
    assert json.loads(out.read_bytes()) == [report]
    items = CliRunner().invoke(app, [*arguments, "--items-only"])
    assert items.exit_code == 0
    assert len(json.loads(out.read_bytes())[0]["rows"]) == 3
    other = CliRunner().invoke(app, [*arguments, "--noise", "0.1"])
    assert "noise" in str(other.exception)


def test_a_folder_of_other_items_is_refused(data, tmp_path) -> None:
    model, other = tiny_causal.save(tmp_path / "model"), shutil.copytree(data, tmp_path / "other")
    table = pq.read_table(data / "beauty_sequences.parquet")
    pq.write_table(table.slice(0, 30), other / "beauty_sequences.parquet")
    sizes = {"work": tmp_path / "work", "model": model, "sets": "beauty", "train": 4, "validation": 3, "test": 5}
    arguments = ["ablate", "evidence", "--items-only", *(f"--{key}={value}" for key, value in sizes.items())]
    assert CliRunner().invoke(app, [*arguments, f"--data={data}"]).exit_code == 0
    refused = CliRunner().invoke(app, [*arguments, f"--data={other}"])
    assert "has a run with another data" in str(refused.exception)


def test_rows_with_heads_are_told_apart_by_their_layers(data, tmp_path) -> None:
    model = tiny_causal.save(tmp_path / "model")
    sizes = {"train": 4, "validation": 3, "test": 5, "steps": 1, "first": 1, "heads": "1; 2;1;", "sets": "beauty"}
    sizes |= {"data": data, "work": tmp_path / "work", "model": model, "json": tmp_path / "out.json"}
    arguments = ["ablate", "evidence", *(f"--{key}={value}" for key, value in sizes.items())]
    assert CliRunner().invoke(app, arguments).exit_code == 0
    (report,) = json.loads((tmp_path / "out.json").read_bytes())
    names = [row["row"] for row in report["rows"] if "Head" in row["row"]]
    assert names == ["tuned, MP-Head 1, 10 passages", "tuned, MP-Head 2, 10 passages"]
    for option, value in (("--first", "3"), ("--heads", "1;9")):
        refused = CliRunner().invoke(app, [*arguments, f"{option}={value}", f"--work={tmp_path / option}"])
        assert f"{option}: there is no layer {value[-1]}: the model has layers 0 to 2" in str(refused.exception)
    tiny_causal.save(model, seed=1)
    other = CliRunner().invoke(app, arguments)
    assert "has a run with another model" in str(other.exception)


def test_a_damaged_row_is_named(data, tmp_path) -> None:
    made = ablation(data, tmp_path)
    (tmp_path / "popularity.npz").write_bytes(b"PK")
    with pytest.raises(SettingsError, match=r"popularity\.npz is damaged .*: delete it"):
        made.rows()


def test_wrong_options_are_named(data, tmp_path) -> None:
    for option, value in (("--sets", "books"), ("--counts", "x"), ("--counts", "21"), ("--heads", "1;x")):
        arguments = ["ablate", "evidence", "--data", str(data), "--work", str(tmp_path), option, value]
        done = CliRunner().invoke(app, arguments)
        assert done.exit_code == 2 and option in done.output
