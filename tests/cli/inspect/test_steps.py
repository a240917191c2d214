"""`onward inspect --steps`."""

from __future__ import annotations

import re

from typer.testing import CliRunner, Result

from cli.inspect import steps as shown
from cli.main import app
from pipeline.config import BuildConfig
from pipeline.graph import steps
from pipeline.runner.step import Step
from tests.conftest import Tiny


def invoke(*arguments: object) -> Result:
    done = CliRunner().invoke(app, ["inspect", *map(str, arguments)], env={"COLUMNS": "160", "TERM": "dumb"})
    assert done.exit_code == 0, done.output
    return done


def names(output: str) -> list[str]:
    """Return the first word of each row of a table."""
    rows = (line[2:].split("  ")[0].strip() for line in output.partition("───")[2].splitlines())
    return [row for row in rows if re.fullmatch("[a-z0-9_]+", row)]


def test_the_table_lists_the_steps_in_order_with_what_they_read() -> None:
    output = invoke("--steps", "--profile", "full").output
    order = [step.name for step in steps(BuildConfig.model_validate({"cross_encoder": {"distil": False}}))]
    assert names(output) == order
    (cf,) = (line for line in output.splitlines() if line.startswith("  cf "))
    assert "read, counts" in cf
    assert "seeded" in cf


def test_settings_change_the_graph() -> None:
    assert "teachers" not in names(invoke("--steps").output)
    assert "teachers" in names(invoke("--steps", "--set", "cross_encoder.distil=true").output)


def test_with_a_bundle_it_shows_what_its_build_took_and_found(tiny: Tiny) -> None:
    output = invoke("--steps", "--bundles", tiny.bundles).output
    assert tiny.bundle.name in output
    assert names(output) == [step.name for step in steps(BuildConfig.model_validate(tiny.bundle.manifest.config))]
    (read,) = (line for line in output.splitlines() if line.startswith("  read "))
    assert f"{tiny.bundle.manifest.seconds['read']:,.1f}" in read
    assert "pages 300" in read


def test_the_drawing_leaves_out_arrows_that_others_imply() -> None:
    def step(name: str, *after: str) -> Step:
        return Step(name, lambda work: {}, after=after)

    lines = shown.drawing([step("a"), step("b", "a"), step("c", "a", "b"), step("d", "a")]).splitlines()
    arrows = [re.sub(r"[\[(].*[\])]", "", line).strip() for line in lines if "-->" in line]
    assert arrows[1:] == ["step_a --> step_b", "step_b --> step_c", "step_a --> step_d", "step_c & step_d --> bundle"]


def test_mermaid_prints_the_drawing_alone() -> None:
    first, second, *_ = invoke("--steps", "--mermaid").output.splitlines()
    assert (first[:8], second) == ("%%{init:", "flowchart TD")
