"""What counts as a step's code: all that its function's module imports, and nothing else."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from textwrap import dedent

import pytest

from pipeline.build import PUBLISHING
from pipeline.config import BuildConfig
from pipeline.graph import steps
from pipeline.manifest import manifest
from pipeline.runner.code_keys import code_of

ROOT = Path(__file__).resolve().parents[3]

#: A small project: what `larder.dinner` runs, and what it does not.
FILES = {
    "__init__.py": "SHELVES = 3",
    "dinner.py": '''
        """The step."""
        from __future__ import annotations
        from typing import TYPE_CHECKING
        import numpy as np
        from larder import stock
        from larder.cellar.wine import pour
        if TYPE_CHECKING:
            from larder.guest import Guest

        def dinner(work: object) -> dict[str, object]:
            """Serve."""
            from .late import dessert  # when it is time
            return {}
    ''',
    "stock.py": "AMOUNT = 1",
    "cellar/__init__.py": "DEPTH = 2",
    "cellar/wine.py": "import larder.cellar.barrel\ndef pour() -> None: ...",
    "cellar/barrel.py": "import larder.dinner",
    "late.py": "from importlib.resources import files\ndessert = files('larder') / 'recipes' / f'{__name__}.txt'",
    "recipes/cake.txt": "flour",
    "guest.py": "class Guest: ...",
    "garden.py": "import larder.dinner",
}
RUN = ["__init__.py", "dinner.py", "stock.py", "cellar/__init__.py", "cellar/wine.py", "cellar/barrel.py", "late.py"]


@pytest.fixture
def larder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    folder = tmp_path / "larder"
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(dedent(text))
    monkeypatch.syspath_prepend(tmp_path)
    import_module("larder.dinner")
    yield folder
    from pipeline.runner import code_keys as code

    code._folder_of.cache_clear()
    code._modules.cache_clear()
    for name in [name for name in sys.modules if name.partition(".")[0] == "larder"]:
        del sys.modules[name]


def step() -> Callable[..., object]:
    run: Callable[..., object] = sys.modules["larder.dinner"].dinner
    return run


@pytest.mark.parametrize("file", [*RUN, "recipes/cake.txt"])
def test_an_edit_of_what_a_step_runs_counts(larder: Path, file: str) -> None:
    before = code_of(step())
    (larder / file).write_text((larder / file).read_text() + "\nMORE = 1\n")
    assert code_of(step()) != before


@pytest.mark.parametrize("file", sorted(FILES.keys() - {*RUN, "recipes/cake.txt"}))
def test_an_edit_of_what_it_does_not_run_does_not(larder: Path, file: str) -> None:
    before = code_of(step())
    (larder / file).write_text("MORE = 1\n")
    assert code_of(step()) == before


@pytest.mark.parametrize(
    "edit",
    [
        ("Serve.", "Serve it hot."),
        ("# when it is time", "# at last"),
        ("import numpy as np\n", "\nimport numpy as np\n"),
    ],
)
def test_words_about_the_code_do_not_count(larder: Path, edit: tuple[str, str]) -> None:
    before = code_of(step())
    text = (larder / "dinner.py").read_text()
    assert edit[0] in text
    (larder / "dinner.py").write_text(text.replace(*edit))
    assert code_of(step()) == before


def test_another_version_of_a_library_counts(larder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from pipeline.runner import code_keys as code

    before = code_of(step())
    code._libraries.cache_clear()
    monkeypatch.setattr(code, "version", lambda name: "0.0")
    assert {name for name, value in code_of(step()).items() if before[name] != value} == {"numpy"}
    code._libraries.cache_clear()


def test_an_edit_of_an_installed_plug_in_counts_as_its_version_does(
    larder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pipeline.runner import code_keys as code

    code._libraries.cache_clear()
    monkeypatch.setattr(code, "_distributions", lambda: {"larder": ["larder-steps"]})
    monkeypatch.setattr(code, "version", lambda name: "1.0")
    before = code_of(step())
    (larder / "stock.py").write_text("AMOUNT = 2")
    edited = code_of(step())
    assert {name for name, value in edited.items() if before.get(name) != value} == {"larder.stock"}
    assert edited["larder-steps"] == "1.0"
    code._libraries.cache_clear()


_EDIT = """
import json, sys
from pathlib import Path
from pipeline.runner.code_keys import code_of
from pipeline.config import BuildConfig
from pipeline.graph import steps

def keys():
    return {step.name: code_of(step.run) for step in steps(BuildConfig())}

before, changed = keys(), {}
for name in sys.argv[1:]:
    path = Path(name)
    text = path.read_text()
    path.write_text(text + "\\nEDITED = 1\\n")
    changed[name] = [step for step, code in keys().items() if code != before[step]]
    path.write_text(text)
print(json.dumps(changed))
"""

_ALL = {
    "read", "text", "counts", "pages", "popular", "coclick", "cf", "two_tower", "qprime", "knowledge", "labels",
    "teachers",    "student", "page_states", "stage1", "stage2", "blend", "session", "answers",
}  # fmt: skip
#: An edited file -> steps that must run again, and steps that must not.
EDITS = {
    "corpus/column_types.py": ({"read"}, {"text", "counts", "student", "stage1"}),
    "recall/merge.py": ({"stage1", "stage2"}, {"read", "text", "labels", "student"}),
    "recall/__init__.py": ({"coclick", "stage1", "stage2"}, {"read"}),
    "recall/neighbours.py": ({"stage1", "stage2"}, {"read", "coclick", "student"}),
    "recall/coclick/build.py": ({"coclick"}, {"read", "counts", "cf", "labels", "student"}),
    "recall/coclick/row.py": ({"coclick", "stage1"}, {"read", "text"}),
    "recall/coclick/path.py": ({"stage1", "stage2"}, {"read", "coclick", "cf", "two_tower", "qprime", "student"}),
    "recall/coclick/config.py": ({"coclick"}, {"read", "cf", "two_tower", "qprime", "student"}),
    "recall/paths.py": ({"stage1", "stage2"}, {"read", "coclick", "cf", "two_tower", "qprime", "student"}),
    "recall/popular/lookup.py": ({"popular", "stage1"}, {"read", "text", "pages", "cf"}),
    "store/tables.py": ({"pages", "coclick", "qprime", "stage1"}, {"read", "text", "cf", "two_tower"}),
    "text_model/tokens.py": ({"text", "two_tower", "student", "stage1"}, {"read", "counts", "cf"}),
    "text_model/training.py": ({"two_tower", "teachers", "student"}, {"read", "text", "counts", "pages", "labels"}),
    "ranking/cross_encoder/train.py": ({"student"}, _ALL - {"student"}),
    "ranking/lightgbm/train.py": ({"stage1", "stage2"}, _ALL - {"stage1", "stage2", "blend", "session"}),
    "ranking/session/networks.py": ({"session"}, _ALL - {"session"}),
    "ranking/session/score.py": ({"answers"}, _ALL - {"session", "answers"}),
    "ranking/assembly.py": ({"answers"}, _ALL - {"answers"}),
    "recall/knowledge/train.py": ({"knowledge"}, _ALL - {"knowledge"}),
    "prompting/prompts/knowledge_page.txt": ({"knowledge"}, {"read", "text", "student", "stage1"}),
    "prompting/prompts/judge_c.txt": ({"labels"}, {"read", "student", "stage1"}),
    "pipeline/config.py": (set(), _ALL),  # what it says is in the key as values
    "pipeline/runner/runner.py": (set(), _ALL),
    "pipeline/graph.py": (set(), _ALL),
    "pipeline/refresh.py": (set(), _ALL),
    "service/http/app.py": (set(), _ALL),
    "configs/build.toml": (set(), _ALL),
}


def test_an_edit_runs_the_steps_that_run_the_file_and_no_others(tmp_path: Path) -> None:
    for folder in ("cascade", "configs", "corpus", "pipeline", "prompting", "ranking", "recall", "service", "store",
                   "text_model"):  # fmt: skip
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    command = [sys.executable, "-c", _EDIT, *EDITS]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=tmp_path, env={"PYTHONPATH": str(tmp_path)}
    )
    assert done.returncode == 0, done.stderr
    changed = {name: set(steps) for name, steps in json.loads(done.stdout).items()}
    for name, (runs, rests) in EDITS.items():
        assert runs <= changed[name], name
        assert not rests & changed[name], name


def test_all_that_writes_a_manifest_is_in_a_bundles_name() -> None:
    of_steps = [code_of(step.run) for step in steps(BuildConfig())]
    assert code_of(manifest).keys() <= {*PUBLISHING, *(name for code in of_steps for name in code)}


@pytest.mark.parametrize("module", ["pipeline.log.read", "pipeline.rankers.stage1"])
def test_all_of_ours_that_python_itself_imports_is_found(module: str) -> None:
    ours = [folder.name for folder in ROOT.iterdir()]
    code = f"import sys, {module}; print(*(name for name in sys.modules if name.partition('.')[0] in {ours}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    entry = import_module(module)
    assert set(done.stdout.split()) <= code_of(entry.STEP.run).keys()
