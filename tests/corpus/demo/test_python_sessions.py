"""The library pages that a source file uses, in order of first use."""

from pathlib import Path
from textwrap import dedent

import pytest

from corpus.demo.python_sessions import Library, file_visits, visits

NAMES = """
    os os.path os.path.join json json.loads heapq.heappush str.join len id pathlib.Path pathlib.PurePath.name
    threading.Thread threading.Thread.start re.compile re.Pattern re.Pattern.match functools.wraps
"""
LIBRARY = Library(
    pages=frozenset(NAMES.split()),
    builtins=frozenset({"len", "id"}),
    classes=frozenset({"os", "str", "pathlib.Path", "pathlib.PurePath", "threading.Thread", "re.Pattern"}),
    inherited={"pathlib.Path.name": "pathlib.PurePath.name"},
)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("import os\nos.path.join('a')", ["os.path.join"]),
        ("import os.path as p\np.join('a')", ["os.path.join"]),
        ("from os import path\npath.join('a')", ["os.path.join"]),
        ("from json import loads as read\nread(x)", ["json.loads"]),
        ("import os\nos.environ.get('A')", ["os"]),
        ("', '.join(x)", ["str.join"]),
        ("import threading\nt = threading.Thread()\nt.start()", ["threading.Thread", "threading.Thread.start"]),
        ("import re\nself.p = re.compile(x)\nself.p.match(y)", ["re.compile", "re.Pattern.match"]),
        ("from pathlib import Path\nPath(x).name", ["pathlib.Path", "pathlib.PurePath.name"]),
        ("from pathlib import Path\ndef f(p: Path) -> Path: ...", []),
        ("def f(id): return id", []),
        ("import numpy as json\njson.loads(x)", []),
        ("from . import json\njson.loads(x)", []),
        ("import json", []),
        (
            "from threading import Thread\nclass T(Thread):\n def f(self): self.start()\nself.start()",
            ["threading.Thread", "threading.Thread.start"],
        ),
        ("class T(object):\n def f(self): self.start()", []),
    ],
)
def test_a_name_is_resolved_to_its_page(code: str, expected: list[str]) -> None:
    assert visits(code, LIBRARY) == expected


def test_pages_are_listed_once_in_source_order() -> None:
    code = """
        import functools, heapq, json
        def outer(f):
            @functools.wraps(f)
            def inner(x):
                return json.loads(x)
            return inner
        heapq.heappush(len(json.loads(x)), 1)
    """
    assert visits(dedent(code), LIBRARY) == ["functools.wraps", "json.loads", "heapq.heappush", "len"]


@pytest.mark.parametrize("content", [b"import json\nif", b"\xff\xfe", b"import json\n\x00", b""])
def test_a_file_that_is_not_python_visits_nothing(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "a.py"
    file.write_bytes(content)
    assert file_visits(file, LIBRARY) == []


def test_an_unreadable_file_visits_nothing(tmp_path: Path) -> None:
    assert file_visits(tmp_path / "none.py", LIBRARY) == []
