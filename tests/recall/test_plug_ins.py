"""A recall path whose declaration cannot work is refused with one line that says what to do."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType

import pytest
from toy_path.path import PATH as TOY

from configs.reading import SettingsError
from pipeline import recall_steps
from recall.paths import ALL_PATHS
from recall.plug_ins import GROUP, check, load

ROOT = Path(__file__).parents[2]


def test_the_paths_of_this_repository_and_a_plug_in_fit_together() -> None:
    check((*ALL_PATHS, TOY))


@pytest.mark.parametrize("name", ["my-links", "pages", ""])
def test_a_name_that_cannot_be_a_setting_or_a_table_is_refused(name: str) -> None:
    with pytest.raises(SettingsError, match="of toy_path: choose another name"):
        check((*ALL_PATHS, replace(TOY, name=name)))


def test_two_paths_of_one_name_are_refused() -> None:
    with pytest.raises(SettingsError, match="recall path cf of toy_path: another path has the same name"):
        check((*ALL_PATHS, replace(TOY, name="cf")))


@pytest.mark.parametrize("column", ["cf_cosine", "clicks_7"])
def test_a_column_of_another_path_or_of_the_pages_table_is_refused(column: str) -> None:
    with pytest.raises(SettingsError, match=f"toy of toy_path: the column {column} is taken: begin its"):
        check((*ALL_PATHS, replace(TOY, columns={column: 0.0})))


@pytest.mark.parametrize("changed", [{"limit": -1}, {"limit": 5_000}, {"timeout_ms": 0.0}])
def test_a_limit_or_timeout_that_settings_would_refuse_is_refused(changed: dict[str, float]) -> None:
    with pytest.raises(SettingsError, match="recall path toy of toy_path: limit must be 0 to 1000, and timeout_ms"):
        check((*ALL_PATHS, replace(TOY, **changed)))


@pytest.mark.parametrize("value", ["no_such_module.path:PATH", "toy_path.path:PATHS"])
def test_an_entry_point_that_cannot_be_loaded_is_named(value: str) -> None:
    with pytest.raises(SettingsError, match=f"recall path links .*: {value} cannot be loaded: .*: fix the package or"):
        load(EntryPoint("links", value, GROUP))


def test_an_entry_point_that_is_no_declaration_is_named() -> None:
    with pytest.raises(SettingsError, match=r"toy_path\.path:_open is not a PathSpec"):
        load(EntryPoint("links", "toy_path.path:_open", GROUP))


@pytest.mark.parametrize("command", [["inspect", "--steps"], ["serve", "--bundles", "none"]])
def test_commands_say_in_one_line_which_package_is_broken(command: list[str], tmp_path: Path) -> None:
    entry = f"[{GROUP}]\nlinks = no_such_module:PATH\n"
    (tmp_path / "links-1.0.dist-info").mkdir()
    for name, text in {"METADATA": "Metadata-Version: 2.1\nName: links\n", "entry_points.txt": entry}.items():
        (tmp_path / "links-1.0.dist-info" / name).write_text(text)
    done = subprocess.run(
        [sys.executable, "-c", "from cli.main import main; main()", *command], capture_output=True, text=True,
        check=False, env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (ROOT, tmp_path)))},
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.startswith("onward: recall path links of the package links: no_such_module:PATH cannot be")
    assert done.stderr.count("\n") == 1


def test_a_path_without_a_build_step_says_where_to_add_it() -> None:
    with pytest.raises(SettingsError, match=r"recall path toy has no build step: add .*\.step"):
        recall_steps.step_of(replace(TOY, open=_elsewhere))


def _elsewhere(given: object) -> None:
    raise NotImplementedError


def test_a_build_step_of_another_name_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("toy_path.step")
    monkeypatch.setattr(recall_steps, "_module", lambda path: module)
    with pytest.raises(SettingsError, match=r"recall path toy: toy_path.step must hold a STEP named toy"):
        recall_steps.step_of(TOY)
