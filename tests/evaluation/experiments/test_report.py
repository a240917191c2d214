"""Simulated experiments, whose truth is known, written as events and read back as the command does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from cli.main import app
from corpus.schema import InputError
from corpus.simulated_web import experiment as simulated
from corpus.simulated_web import truth
from corpus.simulated_web.experiment import BEGIN, DAY, Habits, Site
from corpus.simulated_web.pages import grow
from corpus.simulated_web.text import urls
from evaluation.experiments.report import Options, Report, report_on

HABITS = Habits()
READERS = 3_000


@pytest.fixture(scope="module")
def site() -> Site:
    return simulated.site(grow(1_000, 0), 100, 0)


@pytest.fixture(scope="module")
def lists(site: Site) -> dict[str, np.ndarray]:
    return {"control": site.ranked(2.0, 5, 1), "better": site.ranked(0.0, 5, 2)}


def table(site: Site, lists: dict, seed: int = 0, before: bool = False, share: float = 0.5) -> pa.Table:
    rng = np.random.default_rng(seed)
    readiness = simulated.readers(READERS, HABITS, rng)
    names = np.where(rng.random(READERS) < share, *list(lists)[:2])
    seen = simulated.visits(site, readiness, HABITS, rng)
    events = simulated.events(site, seen, lists, names[seen.unit].tolist(), rng, "ranking")
    if not before:
        return events
    earlier = simulated.visits(site, readiness, HABITS, rng, BEGIN - HABITS.days * DAY)
    old = simulated.events(site, earlier, lists, ["control"] * len(earlier.unit), rng, None)
    return pa.concat_tables([old, events])


def report(path: Path, events: pa.Table, **options) -> Report:
    path.mkdir(exist_ok=True)
    pq.write_table(events, path / "events.parquet")
    return report_on(path, "ranking", Options(control="control", **options))


@pytest.fixture(scope="module")
def found(site, lists, tmp_path_factory) -> Report:
    path = tmp_path_factory.mktemp("experiment")
    truth.write(site.web, urls, path / "web.parquet.truth")
    (path / "web.parquet.truth").rename(path.parent / "web.parquet")
    return report(path, table(site, lists, before=True), truth=path.parent / "web.parquet")


def test_the_better_arm_is_found_and_its_interval_covers_the_truth(found: Report, site, lists) -> None:
    clicks, ctr, reco = found.differences
    true = [simulated.rates(site, lists[name], HABITS) for name in ("better", "control")]
    for of, better, control in ((clicks, true[0][0], true[1][0]), (ctr, true[0][1], true[1][1])):
        assert of.absolute.low <= better - control <= of.absolute.high
        assert of.looks[-1].difference.low <= better - control <= of.looks[-1].difference.high
        assert of.relative.mean == pytest.approx(better / control - 1, rel=0.5)
        assert of.found
    assert (clicks.metric.name, ctr.metric.name, reco.metric.name) == ("clicks per answer", "CTR", "RecoDCG@5")
    assert found.warnings == []


def test_recodcg_of_an_arm_is_the_mean_over_its_impressions(found: Report, site, lists) -> None:
    for arm in found.arms:
        assert 0 < arm.values["RecoDCG@5"].low < arm.values["RecoDCG@5"].high < 100


def test_clicks_before_the_experiment_narrow_the_interval(found: Report, site, lists, tmp_path: Path) -> None:
    plain = report(tmp_path / "plain", table(site, lists))
    assert found.differences[0].metric.adjusted
    assert not plain.differences[0].metric.adjusted
    with_before, without = (of.differences[0].absolute for of in (found, plain))
    assert with_before.high - with_before.low < without.high - without.low


def test_always_valid_intervals_are_wider_than_those_of_one_look(found: Report) -> None:
    for of in found.differences:
        last = of.looks[-1].difference
        assert last.high - last.low > of.absolute.high - of.absolute.low
        assert len(of.looks) == HABITS.days
        assert [each.p_value for each in of.looks] == sorted((each.p_value for each in of.looks), reverse=True)


def test_the_plan_counts_days_until_an_effect_is_detectable(found: Report) -> None:
    plan = found.plans["better"]
    assert plan.detectable > plan.effect == 0.05
    assert plan.units > READERS
    assert plan.days_to_go > 0


def test_unequal_shares_are_a_mismatch_unless_they_are_given(site, lists, tmp_path: Path) -> None:
    events = table(site, lists, share=0.4)
    assert "sample-ratio mismatch" in report(tmp_path / "a", events).warnings[0]
    assert report(tmp_path / "b", events, shares={"control": 0.4, "better": 0.6}).warnings == []


def test_a_share_of_an_arm_that_is_missing_is_refused(site, lists, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no share of the arm 'better'"):
        report(tmp_path / "a", table(site, lists), shares={"control": 0.5})


def test_events_sent_twice_count_once(site, lists, tmp_path: Path) -> None:
    events = table(site, lists)
    once, twice = report(tmp_path / "a", events), report(tmp_path / "b", pa.concat_tables([events, events.slice(5, 9)]))
    assert twice.counts.repeated == 9
    assert twice.as_dict() == {**once.as_dict(), "events": once.counts.events + 9, "repeated": 9}


def test_clicks_without_their_impression_are_left_out_and_counted(site, lists, tmp_path: Path) -> None:
    events = table(site, lists)
    kinds, ids = events["kind"].to_pylist(), events["impression_id"].to_pylist()
    clicked = {name for kind, name in zip(kinds, ids, strict=True) if kind == "click"}
    lost = next(iter(clicked))
    keep = [not (kind == "impression" and name == lost) for kind, name in zip(kinds, ids, strict=True)]
    found = report(tmp_path / "a", events.filter(pa.array(keep)))
    assert found.counts.unseen_clicks == sum(
        kind == "click" and name == lost for kind, name in zip(kinds, ids, strict=True)
    )
    assert "clicks without an impression are left out" in found.warnings[0]


def test_units_in_several_arms_are_left_out_and_counted(site, lists, tmp_path: Path) -> None:
    events = table(site, lists)
    arms = events["arm"].to_pylist()
    arms[0] = {"control": "better", "better": "control"}[arms[0]]
    units = events["unit"].to_pylist()
    assert units.count(units[0]) > 1
    changed = events.set_column(events.schema.get_field_index("arm"), "arm", pa.array(arms))
    assert report(tmp_path / "a", changed).crossed == 1


def test_impressions_that_nobody_was_randomized_for_are_left_out_and_counted(site, lists, tmp_path: Path) -> None:
    events = table(site, lists)
    mine = events.filter(pc.equal(events["arm"], "better"))
    ids = {name: pa.array([f"plain-{of}" for of in mine[name].to_pylist()]) for name in ("event_id", "impression_id")}
    plain = mine.set_column(mine.schema.get_field_index("unit"), "unit", pa.nulls(len(mine), pa.string()))
    for name, of in {**ids, "answer_id": ids["impression_id"]}.items():
        plain = plain.set_column(plain.schema.get_field_index(name), name, of)
    once, both = report(tmp_path / "a", events), report(tmp_path / "b", pa.concat_tables([events, plain]))
    assert both.arms == once.arms
    assert both.unitless == pc.sum(pc.equal(mine["kind"], "impression")).as_py()
    assert [warning for warning in both.warnings if "without a unit are left out" in warning] == both.warnings


def test_without_any_units_impressions_are_compared(site, lists, tmp_path: Path) -> None:
    events = table(site, lists)
    plain = events.set_column(events.schema.get_field_index("unit"), "unit", pa.nulls(len(events), pa.string()))
    found = report(tmp_path / "a", plain)
    assert sum(arm.impressions for arm in found.arms) == found.counts.impressions
    assert found.unitless == 0


def test_an_unknown_experiment_names_the_known_ones(site, lists, tmp_path: Path) -> None:
    pq.write_table(table(site, lists), tmp_path / "events.parquet")
    with pytest.raises(InputError, match="no impression of the experiment 'rankin': give one of these: ranking"):
        report_on(tmp_path, "rankin", Options())


def test_events_without_any_experiment_are_named_as_such(site, lists, tmp_path: Path) -> None:
    events = table(site, lists)
    none = events.set_column(
        events.schema.get_field_index("experiment"), "experiment", pa.nulls(len(events), pa.string())
    )
    pq.write_table(none, tmp_path / "events.parquet")
    with pytest.raises(InputError, match="the events name no experiment yet"):
        report_on(tmp_path, "ranking", Options())


def test_the_command_prints_and_writes_the_report(site, lists, tmp_path: Path) -> None:
    pq.write_table(table(site, lists), tmp_path / "events.parquet")
    out = tmp_path / "out"
    out.mkdir()
    options = ["--html", str(out / "report.html"), "--json", str(out / "report.json")]
    ran = CliRunner().invoke(
        app, ["experiment", "report", "--events", str(tmp_path / "events.parquet"), "--experiment", "ranking",
              "--control", "control", *options]
    )  # fmt: skip
    assert ran.exit_code == 0, ran.output
    assert "better against control, clicks per answer: better is better" in ran.output
    page = (out / "report.html").read_text()
    assert page.count("<svg") == 2
    assert "http" not in page
    assert orjson.loads((out / "report.json").read_bytes())["differences"][0]["found"] is True


@pytest.mark.parametrize("share", ["better", "better=x", "better=0", "better=2"])
def test_a_bad_share_is_refused_by_name(tmp_path: Path, share: str) -> None:
    ran = CliRunner().invoke(
        app, ["experiment", "report", "--events", str(tmp_path), "--experiment", "x", "--share", share]
    )
    assert ran.exit_code == 2
    assert "--share" in ran.output
