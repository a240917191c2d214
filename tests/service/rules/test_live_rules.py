"""Rules of several sources are put in force by several threads."""

from __future__ import annotations

import threading

import pytest

from service.rules import live_rules
from service.rules.live_rules import LiveRules, RuleSet
from service.rules.rule import Rule


def test_sources_that_change_at_once_lose_none_of_their_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    rules, compiling, go_on = LiveRules(), threading.Event(), threading.Event()

    class SlowSet(RuleSet):
        def __init__(self, *arguments: object) -> None:
            super().__init__(*arguments)
            if not compiling.is_set():  # as 10,000 rules are
                compiling.set()
                go_on.wait(0.2)

    monkeypatch.setattr(live_rules, "RuleSet", SlowSet)
    file, takedown = Rule(action="block", host="spam.example"), Rule(action="block", url="https://a.example/x")
    of_file = threading.Thread(target=rules.replace, args=("file", (file,)))
    of_file.start()
    compiling.wait()
    of_redis = threading.Thread(target=rules.replace, args=("takedowns", (takedown,)))
    of_redis.start()
    of_redis.join(0.1)
    go_on.set()
    of_file.join()
    of_redis.join()
    assert set(rules.current.rules) == {file, takedown}
    assert rules.current.version == 2
