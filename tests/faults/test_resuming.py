"""Steps that take long, killed at random moments: the next run goes on from what was made, to the same files."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest
from build_process import BuildCommand, Built

_KILLS, _KILLS_LONG = 2, 30
#: Files that say how long the step took, or that a search engine names as it likes.
_OF_THE_MOMENT = ("done.json", "index")

#: Settings that make the step run again over the tiny corpus, in many parts.
SETTINGS = {
    "text": {"text": {"judged_tokens": 40}},
    "qprime": {"qprime": {"batch": 40}},
    "page_states": {"page_states": {"most_mb": 3.0}},
}


def files(step: Path) -> dict[str, bytes]:
    """Return what a finished step has written."""
    paths = [path for path in step.rglob("*") if path.is_file()]
    return {
        str(path.relative_to(step)): path.read_bytes()
        for path in paths
        if path.relative_to(step).parts[0] not in _OF_THE_MOMENT
    }


@pytest.mark.parametrize("step", SETTINGS)
def test_a_step_that_is_killed_again_and_again_ends_with_the_files_of_one_that_was_not(
    tiny, step: str, tmp_path: Path, long: bool
) -> None:
    if step == "page_states" and not long:
        pytest.skip("its chunks are those of `text`: --long runs it")
    config = tiny.bundle.manifest.config
    part = SETTINGS[step]
    command = BuildCommand(tiny.data, {**config, **{name: {**config[name], **sets} for name, sets in part.items()}})
    whole, broken = (tiny.link(tmp_path / name, work=True) for name in ("whole", "broken"))
    assert command.run(whole, step=step).code == 0
    moments, kills, built = random.Random(5), 0, Built(-9, "", 0.0)
    while kills < (_KILLS_LONG if long else _KILLS):
        built = command.run(broken, step=step, touches=moments.randint(2 + kills, 12 + 4 * kills))
        if built.code == 0:
            shutil.rmtree(broken / "work" / step)  # it has outlived all kills: once more
        else:
            assert built.code == -9, built.said
            kills += 1
            assert not (broken / "work" / step).exists()
    assert command.run(broken, step=step).code == 0
    assert files(broken / "work" / step) == files(whole / "work" / step)
