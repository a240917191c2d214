"""Commands that write into a directory of bundles take turns."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.main import app
from service.process.errors import one_line
from store.bundle import current_name
from store.one_run import alone_in

COMMANDS = {
    "build": ("--data", "data"),
    "refresh qprime": ("--older-than", "0d"),
    "refresh answers": (),
    "rerank-llm": ("--model", "model", "--data", "data"),
}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_second_run_is_refused_at_once(stored, tmp_path: Path, command: str) -> None:
    bundles = stored.link(tmp_path / "bundles", work=True)
    options = [str(stored.data) if each == "data" else each for each in COMMANDS[command]]
    before = current_name(bundles)
    with alone_in(bundles, "onward refresh answers"):
        done = CliRunner().invoke(app, [*command.split(), "--bundles", str(bundles), *options])
    assert isinstance(done.exception, Exception)
    line = str(one_line(done.exception))
    assert line.startswith(f"onward: {bundles} is in use by `onward refresh answers` (process ")
    assert line.endswith("wait until it ends, then run this again")
    assert current_name(bundles) == before and not (bundles / ".refreshing").exists()


@pytest.mark.parametrize("command", [command for command in COMMANDS if command != "build"])
def test_a_missing_directory_is_named(tmp_path: Path, command: str) -> None:
    done = CliRunner().invoke(app, [*command.split(), "--bundles", str(tmp_path / "none"), *COMMANDS[command]])
    assert isinstance(done.exception, Exception)
    assert f"{tmp_path / 'none'} is not a directory" in str(one_line(done.exception))


@pytest.mark.parametrize("command", ["evidence", "knowledge"])
def test_two_ablations_do_not_share_their_work(tmp_path: Path, command: str) -> None:
    work = tmp_path / "work"
    out = ("--out", str(tmp_path / "report.html")) if command == "knowledge" else ()
    with alone_in(work, "onward ablate knowledge", make=True):
        done = CliRunner().invoke(app, ["ablate", command, "--data", str(tmp_path), "--work", str(work), *out])
    assert isinstance(done.exception, Exception)
    assert str(one_line(done.exception)).startswith(f"onward: {work} is in use by `onward ablate knowledge` (process ")


def test_work_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "work").write_text("")
    done = CliRunner().invoke(app, ["ablate", "evidence", "--data", str(tmp_path), "--work", str(tmp_path / "work")])
    assert isinstance(done.exception, Exception)
    assert f"{tmp_path / 'work'} is not a directory" in str(one_line(done.exception))
