from __future__ import annotations

import subprocess
import sys

import orjson
import pytest

_LOGS = """
import logging
from service.process.logging import start_log
start_log("{form}")
log = logging.getLogger("service.gateway")
log.info("not shown")
log.warning("a “quoted”\\nmessage")
try:
    1 / 0
except ZeroDivisionError:
    log.exception("request %s failed", "r1")
"""


def said(form: str) -> list[str]:
    done = subprocess.run([sys.executable, "-c", _LOGS.format(form=form)], capture_output=True, text=True, check=True)
    assert done.stdout == ""
    return done.stderr.splitlines()


def test_json_is_one_object_per_line() -> None:
    first, second = map(orjson.loads, said("json"))
    assert first.keys() == {"time", "level", "logger", "message"}
    assert (first["level"], first["logger"], first["message"]) == ("WARNING", "service.gateway", "a “quoted”\nmessage")
    assert second["message"] == "request r1 failed"
    assert "ZeroDivisionError" in second["error"]


def test_text_has_level_logger_and_message() -> None:
    assert "WARNING service.gateway: a “quoted”" in said("text")[0]


@pytest.mark.parametrize("form", ["text", "json"])
def test_the_time_comes_first(form) -> None:
    assert said(form)[0].lstrip('{"time:').startswith("20")
