import tomllib
from pathlib import Path

import pytest

from configs.reading import SettingsError, from_override, from_toml, keys, leaves, read
from pipeline.config import PROFILES, BuildConfig

BUILD_TOML = Path(__file__).parents[2] / "configs/build.toml"


def config(*overrides: str) -> BuildConfig:
    return read(BuildConfig, map(from_override, overrides), "configs/build.toml")


def test_the_shipped_file_has_the_defaults() -> None:
    assert read(BuildConfig, from_toml(BUILD_TOML), "configs/build.toml") == BuildConfig()


def test_the_shipped_file_lists_every_key_in_order() -> None:
    assert [key for key, _ in leaves(tomllib.loads(BUILD_TOML.read_text()))] == keys(BuildConfig)


@pytest.mark.parametrize("profile", PROFILES)
def test_a_profile_changes_only_known_keys(profile: str) -> None:
    changed = read(BuildConfig, leaves(PROFILES[profile]), "configs/build.toml")
    differing = {key for key, value in leaves(changed.model_dump()) if value != dict(_defaults())[key]}
    assert differing == {key for key, _ in leaves(PROFILES[profile])}


def test_setting_one_key_of_a_step_keeps_the_other_defaults() -> None:
    assert config("cf.iterations=3").cf == type(BuildConfig().cf)(iterations=3)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("coclik.prior=1", r"unknown setting coclik\.prior: did you mean coclick\.prior\?"),
        ("quality_weight=1.5", r"setting quality_weight: .*a number from 0 to 1, or auto"),
        ("quality_weight=often", r"setting quality_weight: .*a number from 0 to 1, or auto"),
        ("cf.iterations=many", r"setting cf\.iterations: .*integer"),
        ("reach.swing_sessions=1", r"setting reach\.swing_sessions: .*greater than or equal to 2"),
        ("coclick.mixture_prior=0", r"setting coclick\.mixture_prior: .*greater than 0"),
        ("stage1=5", r"setting stage1 is a section: set stage1\.trees"),
        ("text.tokens_per_page=255", r"setting text\.tokens_per_page: .*less than or equal to 254"),
        ("cross_encoder.joint_layers=0", r"setting cross_encoder\.joint_layers: .*greater than"),
        ("zzzzzzzz=5", r"configs/build\.toml lists every key"),
    ],
)
def test_a_bad_override_is_one_clear_error(override: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        config(override)


def _defaults() -> list[tuple[str, object]]:
    return list(leaves(BuildConfig().model_dump()))
