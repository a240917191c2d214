"""A file of rules is taken whole or not at all, and the error names rule, field and fix."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.rules import reading
from service.rules.reading import RulesError, parse, read_file

GOOD = '[[rule]]\naction = "block"\nhost = "spam.example"\n'


def problem(text: str) -> str:
    with pytest.raises(RulesError) as caught:
        parse(text, "rules.toml")
    return str(caught.value).removeprefix("rules.toml: ")


def test_rules_are_read_in_their_order() -> None:
    rules = parse(GOOD + '[[rule]]\naction = "boost"\nlanguage = "de"\nby = 1\nname = "more German"\n', "rules.toml")
    assert [(rule.action, rule.label) for rule in rules] == [("block", rules[0].label), ("boost", "more German")]


def test_an_empty_file_holds_no_rules() -> None:
    assert parse("# nothing yet\n", "rules.toml") == ()


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        ('action = "blok"\nhost = "a.example"', "rule 1: action: must be 'block', 'pin', 'boost' or 'bury'"),
        ('action = "block"\nhos = "a.example"', "rule 1: hos: is not a known field: did you mean host?"),
        ('action = "block"\nurl = "a"\nname = "a"', "rule 1 (a): url: 'a': not an absolute URL: send one such as"),
        ('action = "block"\nhost = "a/b"', "rule 1: host: 'a/b' is not a host: use one such as example.org"),
        ('action = "block"\npattern = "a.example/*"', "rule 1: pattern: 'a.example/*' matches every page of a host"),
        ('action = "block"\nlanguage = "1"', "rule 1: language: '1' is not a language tag: use one such as en"),
        ('action = "block"', "rule 1: names no pages: give exactly one of url, host, pattern, language"),
        ('action = "block"\nhost = "a.example"\nlanguage = "de"', "rule 1: has host and language: give exactly one"),
        ('action = "pin"\nurl = "https://a.example/"', "rule 1: position is missing: a pin needs it"),
        ('action = "pin"\nhost = "a.example"\nposition = 1', "rule 1: a pin needs url"),
        ('action = "bury"\nhost = "a.example"', "rule 1: by is missing: a bury needs it"),
        ('action = "block"\nhost = "a.example"\nby = 1', "rule 1: by has no meaning for a block: leave it out"),
        ('action = "boost"\nhost = "a.example"\nby = -1', "rule 1: by: must be greater than 0"),
        (
            'action = "block"\nhost = "a.example"\nstart = 2026-02-01\nend = 2026-01-01',
            "rule 1: end is not after start",
        ),
    ],
)
def test_the_error_names_rule_field_and_fix(rule: str, told: str) -> None:
    assert problem(f"[[rule]]\n{rule}\n").startswith(told)


def test_every_problem_is_told_at_once_up_to_ten() -> None:
    assert problem("[[rule]]\n" * 12).endswith("; rule 10: action: is required; and 2 more problems")


def test_a_name_means_one_rule() -> None:
    named = GOOD + 'name = "spam"\n'
    assert problem(named + named) == "rule 2 (spam): name: rule 1 has it too: choose another"


def test_what_is_no_list_of_rules_is_named() -> None:
    assert problem('rules = "x"') == "rules is not a list of rules: begin each rule with a line [[rule]]"
    assert "is not valid TOML" in problem("[[rule]\n")


def test_too_many_rules_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MOST_RULES", 1)
    with pytest.raises(RulesError, match="has 2 rules; the most is 1"):
        parse(GOOD + GOOD, "rules.toml")


def test_a_file_that_is_missing_or_too_large_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RulesError, match="cannot be read"):
        read_file(tmp_path / "none.toml")
    (tmp_path / "rules.toml").write_text(GOOD)
    monkeypatch.setattr(reading, "MOST_BYTES", 10)
    with pytest.raises(RulesError, match="the most is 10"):
        read_file(tmp_path / "rules.toml")


@given(st.text())
def test_any_text_gives_rules_or_an_error_of_rules(text: str) -> None:
    for each in (text, f"[[rule]]\n{text}", f'[[rule]]\naction = "block"\nurl = {text!r}\n'):
        try:
            parse(each, "rules.toml")
        except RulesError as error:
            assert str(error).startswith("rules.toml")
