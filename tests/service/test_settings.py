from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from configs.reading import SettingsError, keys, read
from pipeline.config import BuildConfig
from service.settings import Settings, read_settings

SERVE_TOML = Path(__file__).parents[2] / "configs/serve.toml"


def test_the_shipped_file_holds_the_defaults() -> None:
    assert read_settings(SERVE_TOML, environ={}) == Settings()


def test_the_shipped_file_lists_every_key() -> None:
    import tomllib

    values = tomllib.loads(SERVE_TOML.read_text())
    for key in keys(Settings):
        inner = values
        for part in key.split("."):
            assert part in inner, key
            inner = inner[part]


def test_variables_override_the_file_and_overrides_both(tmp_path: Path) -> None:
    file = tmp_path / "serve.toml"
    file.write_text("budget_ms = 1\n[cache]\nttl_s = 1\nstale_s = 1\n")
    environ = {"ONWARD_CACHE__TTL_S": "2", "ONWARD_CACHE__STALE_S": "2"}
    settings = read_settings(file, ["cache.stale_s=3"], environ)
    assert (settings.budget_ms, settings.cache.ttl_s, settings.cache.stale_s) == (1, 2, 3)


def test_the_variable_of_the_redis_url_is_not_a_setting() -> None:
    assert read_settings(environ={"ONWARD_REDIS_URL": "redis://host"}) == Settings()


def test_other_keys_of_a_section_keep_their_defaults() -> None:
    coclick = read_settings(overrides=["recall.coclick.timeout_ms=5"], environ={}).recall.coclick
    assert (coclick.limit, coclick.timeout_ms) == (128, 5)


def test_lists_are_read() -> None:
    settings = read_settings(overrides=['block.hosts=["spam.example"]', "block.urls=[]"], environ={})
    assert settings.block.hosts == {"spam.example"}
    assert settings.block.urls == frozenset()


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("cache.ttl=5", r"unknown setting cache\.ttl: did you mean cache\.ttl_s\?"),
        ("recall.coclik.limit=5", r"unknown setting recall\.coclik\.limit: did you mean recall\.coclick\.limit\?"),
        ("budget_ms.x=5", r"unknown setting budget_ms\.x"),
        ("zzzzzzzz=5", r"configs/serve\.toml lists every key"),
        ("budget_ms=soon", r"setting budget_ms: .*number"),
        ("budget_ms=-1", r"setting budget_ms: .*greater than 0"),
        ("cache=5", r"setting cache is a section: set cache\.max_mb"),
        ("budget_ms", r"use key=value"),
    ],
)
def test_a_bad_override_is_one_clear_error(override: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        read_settings(overrides=[override], environ={})


def test_a_misspelt_variable_is_an_error_and_variables_of_other_programs_are_not() -> None:
    with pytest.raises(SettingsError, match=r"ONWARD_CACHE__TTL: did you mean ONWARD_CACHE__TTL_S\?"):
        read_settings(environ={"ONWARD_CACHE__TTL": "5"})
    assert read_settings(environ={"ONWARD_API_TOKEN": "5"}) == Settings()


def test_a_missing_or_invalid_toml_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="No such file"):
        read_settings(tmp_path / "none.toml")
    (tmp_path / "bad.toml").write_text("a = = b")
    with pytest.raises(SettingsError, match="is not valid TOML"):
        read_settings(tmp_path / "bad.toml")


PYTHONS = re.compile(
    r"Input should|dictionary|frozenset|\bset\b|tuple|None|\bint\b|\bstr\b|\bfloat\b|\bbool\b|instance"
)
WRONG: list[object] = [{"a": 1}, [[1]], [{}], "x y", -1, 1.5, float("nan"), float("inf"), 10**40, "", True, ["a", 1]]


@pytest.mark.parametrize(("model", "file"), [(Settings, "serve"), (BuildConfig, "build")])
def test_the_error_of_an_invalid_value_names_its_setting_in_plain_words(model: type[BaseModel], file: str) -> None:
    told = []
    for key in keys(model):
        for value in WRONG:
            try:
                read(model, [(key, value)], f"configs/{file}.toml")
            except SettingsError as error:
                told.append(str(error))
                assert str(error).startswith(f"setting {key}")
    assert len(told) > 4 * len(keys(model))
    assert [each for each in told if PYTHONS.search(each)] == []


def test_the_error_shows_what_to_write() -> None:
    with pytest.raises(SettingsError, match=r"^setting block.urls: must be a list, such as \[\"one\", \"two\"\]$"):
        read_settings(overrides=["block.urls=5"], environ={})
    with pytest.raises(SettingsError, match=r"^setting server.log: must be 'text' or 'json', such as \"text\"$"):
        read_settings(overrides=["server.log=5"], environ={})


@pytest.mark.parametrize("url", ["nonsense", "javascript:alert(1)", "https://", ""])
def test_the_error_names_an_invalid_entry_of_the_blocklist(url: str) -> None:
    with pytest.raises(SettingsError, match=f"^setting block.urls: .*{re.escape(repr(url))}"):
        read_settings(overrides=[f"block.urls={['https://a.example/', url]}"], environ={})
