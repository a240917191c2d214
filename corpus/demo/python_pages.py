"""Pages for the documented modules, classes, functions and methods of the running Python's standard library."""

from __future__ import annotations

import builtins
import contextlib
import enum
import importlib
import inspect
import io
import re
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from corpus.demo.python_addresses import DOCUMENTED_INSIDE, address
from corpus.text.page_text import clean

SNIPPET_LENGTH = 400

# Importing these opens a window or a browser, prints, or is deprecated; or another module documents them.
_EXCLUDED = {
    *("antigravity", "distutils", "genericpath", "idlelib", "lib2to3", "msilib", "nt", "ntpath", "nturl2path"),
    *("opcode", "posix", "posixpath", "pydoc_data", "pyexpat", "sre_compile", "sre_constants", "sre_parse"),
    *("test", "this", "tkinter", "turtle", "turtledemo"),
}
# Aliases that the reference documents separately.
_ALIASES = frozenset({"weakref.ref", "xml.etree.ElementTree.fromstring"})
_HEADING = re.compile(r"\A[^\n]*\n[~=*-]{3,}\n+")
# A line that repeats the call signature, possibly with its result: `product(*iterables) --> product object`,
# `partial(func, *args) - new function`, `int, int -> Construct a date`, `(lock() is an obsolete synonym)`.
_CALL = re.compile(
    r"\s*(?:[\w.]+\(.*?\)\s*(?:(?:-{1,2}>|=>|:|-{1,2}\s)\s*(?P<result>.*)|--)?"
    r"|(?:\[?\w+\]*(?:\s*[\[,]+\s*\w+\]*)*\s*)?-{1,2}>\s*(?P<made>.*)"
    r"|\(.* obsolete synonym\))\s*"
)
_FEWEST_RESULT_WORDS = 5  # of a result; shorter ones only name its type: `product object`


@dataclass(frozen=True, slots=True)
class PythonPage:
    """One page of the library reference."""

    name: str  # as in code: `heapq.heappush`, `str.join`
    url: str
    snippet: str  # the first part of the docstring
    module: str
    inherits: tuple[tuple[str, str], ...] = ()  # of a class: attribute -> page of the base class that documents it


def library_pages() -> list[PythonPage]:
    """Return the pages, sorted by name. Imports the whole standard library: call it in a separate process."""
    names = {name for name in sys.stdlib_module_names if not name.startswith("_")} - _EXCLUDED
    pages: dict[str, PythonPage] = {}
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in sorted(names | DOCUMENTED_INSIDE.keys()):
            with contextlib.suppress(Exception, SystemExit):  # modules that this platform does not have
                module = importlib.import_module(name)
                for page in _module_pages(name, module):
                    pages.setdefault(page.name, page)
    return sorted(pages.values(), key=lambda page: page.name)


def _module_pages(name: str, module: ModuleType) -> Iterator[PythonPage]:
    if name != "builtins":
        yield from _page(name, address(name, ""), module, name)
    for attribute, value in _members(name, module):
        title = attribute if name == "builtins" else f"{name}.{attribute}"
        yield from _page(title, address(name, attribute, value), value, name)
        if inspect.isclass(value):
            for method in _own(value):
                path = f"{attribute}.{method}"
                yield from _page(f"{title}.{method}", address(name, path, value), _raw(value, method), name)


def _members(name: str, module: ModuleType) -> Iterator[tuple[str, Any]]:
    """Yield the module's own public members: classes, functions, and the callable forms of typing."""
    listed = getattr(module, "__all__", None)
    seen: set[int] = set()
    for attribute in sorted(listed if listed is not None else vars(module)):
        value = getattr(module, attribute, None)
        if attribute.startswith("_") or not callable(value) or inspect.ismodule(value):
            continue
        if name != "typing" and not _documented_in(value, name, listed is not None):
            continue
        alias = getattr(value, "__name__", attribute) != attribute and id(value) in seen
        if alias and f"{name}.{attribute}" not in _ALIASES:
            continue
        seen.add(id(value))
        yield attribute, value


def _documented_in(value: object, name: str, listed: bool) -> bool:
    """Return whether `value` is documented in module `name`, not only imported there."""
    home = getattr(value, "__module__", None) or name
    if name == "builtins" and home in ("io", "_io"):  # `open` is defined there
        return True
    if home == "builtins" and name != "builtins" and hasattr(builtins, getattr(value, "__name__", "")):
        return False
    if home in (name, "builtins") or home.lstrip("_").partition(".")[0] == name.lstrip("_").partition(".")[0]:
        return home == name or home not in DOCUMENTED_INSIDE
    return listed and (home.startswith("_") or home in _EXCLUDED or home not in sys.stdlib_module_names)


def _own(owner: type) -> list[str]:
    """Return the public attributes that a class or one of its private base classes defines."""
    if issubclass(owner, tuple) and hasattr(owner, "n_fields"):
        return []  # the fields of structs such as os.stat_result have no entries
    classes = [owner, *(base for base in owner.__mro__[1:] if _is_private(base))]
    members = owner.__members__ if issubclass(owner, enum.Enum) else ()
    names = {name for cls in classes for name in vars(cls) if not name.startswith("_") and name not in members}
    return sorted(name for name in names if not name.startswith("do_"))  # commands of a cmd.Cmd shell


def _is_private(owner: type) -> bool:
    return owner.__name__.startswith("_") or owner.__module__.startswith("_")


def _raw(owner: type, name: str) -> object:
    return inspect.getattr_static(owner, name)


def _page(title: str, url: str, value: object, module: str) -> Iterator[PythonPage]:
    snippet = summary(_doc(value))
    if len(snippet) >= 10:
        yield PythonPage(title, url, snippet, module, _inherited(value, title) if inspect.isclass(value) else ())


def _doc(value: object) -> str:
    doc = getattr(value, "__doc__", None)
    if isinstance(doc, str) and doc != type(value).__doc__:  # a constant has the docstring of its type
        return doc
    if inspect.ismodule(value):
        return _contents("Module", [name for name in vars(value) if not name.startswith("_")])
    if not inspect.isclass(value):
        return ""
    init = vars(value).get("__init__")  # many classes are documented in __init__ or in their base class
    docs = [getattr(init, "__doc__", None)] if inspect.isfunction(init) else []
    docs += [base.__doc__ for base in value.__mro__[1:] if base.__module__ != "builtins"]
    return next((doc for doc in docs if doc), "") or _contents(
        "Class", _own(value) or sorted(getattr(value, "__abstractmethods__", ()))
    )


def _contents(kind: str, names: list[str]) -> str:
    return f"{kind} with {', '.join(names[:20])}." if names else ""


def _inherited(owner: type, title: str) -> tuple[tuple[str, str], ...]:
    prefix = title.removesuffix(owner.__name__)
    own = set(_own(owner))
    found: dict[str, str] = {}
    for base in owner.__mro__[1:-1]:
        home = prefix if base.__module__ == owner.__module__ else f"{base.__module__}."
        for name in _own(base):
            if name not in own:
                found.setdefault(name, f"{'' if base.__module__ == 'builtins' else home}{base.__name__}.{name}")
    return tuple(sorted(found.items()))


def summary(doc: str) -> str:
    """Return the start of a docstring on one line: at most SNIPPET_LENGTH characters, cut between words."""
    text = _HEADING.sub("", inspect.cleandoc(doc))
    line = clean(_without_calls(text)) or clean(text)
    if len(line) <= SNIPPET_LENGTH:
        return line
    return line[: SNIPPET_LENGTH - 1].rpartition(" ")[0] + "…"


def _without_calls(text: str) -> str:
    """Remove leading lines that repeat the call; keep results that are sentences, or all if nothing else is left."""
    lines = text.split("\n")
    start = next((i for i, line in enumerate(lines) if not line.strip() or line.strip() == "--"), len(lines))
    calls = [_CALL.fullmatch(line) for line in lines[:start]]
    results = [line if call is None else _result(call) for line, call in zip(lines[:start], calls, strict=True)]
    sentences = [
        result
        for result, call in zip(results, calls, strict=True)
        if call is None or len(result.split()) >= _FEWEST_RESULT_WORDS
    ]
    rest = [line for line in lines[start:] if line.strip() != "--"]
    return "\n".join([*sentences, *rest]).strip() or "\n".join(results).strip()


def _result(call: re.Match[str]) -> str:
    result = (call["result"] or call["made"] or "").removeprefix("None.")
    return result.rpartition(" -- ")[2].strip()  # `S.index(value) -> integer -- return first index of value`
