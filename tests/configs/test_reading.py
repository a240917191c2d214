from dataclasses import dataclass
from pathlib import Path

import pytest
from pydantic import BaseModel, ConfigDict, Field

from configs.reading import SettingsError, from_environment, from_override, from_toml, keys, leaves, read


@dataclass(frozen=True, slots=True)
class Oven:
    degrees: int = 200
    fan: bool = False


class Recipe(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = "bread"
    minutes: float = Field(default=40.0, gt=0)
    toppings: frozenset[str] = frozenset()
    oven: Oven = Oven()


def recipe(*overrides: str) -> Recipe:
    return read(Recipe, map(from_override, overrides), "recipe.toml")


def test_without_sources_the_defaults_apply() -> None:
    assert recipe() == Recipe()


def test_keys_lists_every_dotted_key() -> None:
    assert keys(Recipe) == ["name", "minutes", "toppings", "oven.degrees", "oven.fan"]


def test_a_section_may_be_a_dataclass() -> None:
    assert recipe("oven.degrees=230").oven == Oven(230)


def test_the_last_source_wins() -> None:
    assert recipe("minutes=10", "minutes=20").minutes == 20


@pytest.mark.parametrize(
    ("override", "setting"),
    [
        ("minutes=20", ("minutes", 20)),
        ("minutes = 2.5 ", ("minutes", 2.5)),
        ("oven.fan=true", ("oven.fan", True)),
        ('toppings=["seeds"]', ("toppings", ["seeds"])),
        ("name=rye bread", ("name", "rye bread")),
        ("name=", ("name", "")),
        ("name=a=b", ("name", "a=b")),
    ],
)
def test_a_value_is_parsed_as_toml_or_else_as_plain_text(override: str, setting: tuple[str, object]) -> None:
    assert from_override(override) == setting


@pytest.mark.parametrize("override", ["minutes", "=5"])
def test_an_override_without_key_or_value_shows_the_syntax(override: str) -> None:
    with pytest.raises(SettingsError, match="use key=value"):
        from_override(override)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("minuets=5", r"unknown setting minuets: did you mean minutes\?"),
        ("oven.degree=5", r"unknown setting oven\.degree: did you mean oven\.degrees\?"),
        ("zzz=5", r"unknown setting zzz: recipe\.toml lists every key"),
        ("oven=5", r"setting oven is a section: set oven\.degrees"),
        ("minutes=soon", r"setting minutes: .*number"),
        ("minutes=0", r"setting minutes: .*greater than 0"),
        ("oven.degrees=warm", r"setting oven\.degrees: .*integer"),
    ],
)
def test_an_invalid_setting_is_one_clear_error(override: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        recipe(override)


def test_sections_of_a_file_become_dotted_keys(tmp_path: Path) -> None:
    file = tmp_path / "recipe.toml"
    file.write_text('name = "rye"\n[oven]\ndegrees = 230\n')
    assert list(from_toml(file)) == [("name", "rye"), ("oven.degrees", 230)]


def test_leaves_of_nested_sections_keep_their_order() -> None:
    assert list(leaves({"a": 1, "b": {"c": {"d": 2}, "e": 3}})) == [("a", 1), ("b.c.d", 2), ("b.e", 3)]


def test_an_unreadable_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"cannot read .*recipe\.toml: No such file"):
        list(from_toml(tmp_path / "recipe.toml"))
    (tmp_path / "bad.toml").write_bytes(b"name = \xff")
    with pytest.raises(SettingsError, match=r"bad\.toml is not valid TOML"):
        list(from_toml(tmp_path / "bad.toml"))


def test_prefixed_variables_are_settings_and_two_underscores_separate_sections() -> None:
    environ = {"BAKE_OVEN__DEGREES": "230", "BAKE_NAME": "rye", "PATH": "/bin"}
    found = list(from_environment(environ, "BAKE_", keys(Recipe)))
    assert found == [("oven.degrees", 230), ("name", "rye")]


def test_a_misspelt_variable_is_an_error_and_an_unrelated_one_is_ignored() -> None:
    with pytest.raises(SettingsError, match=r"BAKE_OVEN__DEGREE: did you mean BAKE_OVEN__DEGREES\?"):
        list(from_environment({"BAKE_OVEN__DEGREE": "230"}, "BAKE_", keys(Recipe)))
    assert list(from_environment({"BAKE_API_TOKEN": "secret"}, "BAKE_", keys(Recipe))) == []
