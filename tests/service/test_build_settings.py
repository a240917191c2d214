"""The order in which the build's settings win: defaults < profile < file < --set."""

from pathlib import Path

import pytest

from cli.build import config_of
from cli.options import Profile
from pipeline.config import PROFILES, BuildConfig


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "mine.toml"
    path.write_text("[stage1]\ntrees = 7\nleaves = 3\n")
    return path


@pytest.mark.parametrize("profile", Profile)
def test_the_profile_overrides_the_defaults(profile: Profile) -> None:
    config = config_of(None, profile, None).model_dump()
    for section, changed in PROFILES[profile].items():
        assert changed.items() <= config[section].items()


def test_the_file_overrides_only_its_keys_of_the_profile(file: Path) -> None:
    config = config_of(file, Profile.QUICK, None)
    assert config.stage1.trees == 7
    assert config.examples == config_of(None, Profile.QUICK, None).examples != BuildConfig().examples


def test_an_override_overrides_the_file(file: Path) -> None:
    stage1 = config_of(file, Profile.QUICK, ["stage1.trees=9"]).stage1
    assert (stage1.trees, stage1.leaves) == (9, 3)


def test_a_file_is_read_only_when_given(tmp_path: Path, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "configs").mkdir()
    file.rename(tmp_path / "configs/build.toml")
    monkeypatch.chdir(tmp_path)
    assert (
        config_of(None, Profile.FULL, None).stage1 != config_of(Path("configs/build.toml"), Profile.FULL, None).stage1
    )
