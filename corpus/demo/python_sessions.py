"""The library pages that a Python source file uses, in order of first use: one reading session per file."""

from __future__ import annotations

import ast
import re
import sys
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

_LARGEST_FILE = 40_000  # bytes; larger files take most of the time and are often generated
# Files without such an import only use built-ins: they are skipped, since parsing takes most of the time.
_MODULES = "|".join(sorted(sys.stdlib_module_names))
_IMPORT = re.compile(rf"^\s*(?:from|import)\s+(?!__future__|typing)(?:{_MODULES})\b", re.MULTILINE)
_LITERALS = {"JoinedStr": "str", "List": "list", "ListComp": "list", "Dict": "dict", "DictComp": "dict", "Set": "set"}
#: Return types of well-known functions that are not classes themselves.
_RETURNS = {
    "argparse.ArgumentParser.parse_args": "argparse.Namespace",
    "datetime.datetime.now": "datetime.datetime",
    "datetime.datetime.strptime": "datetime.datetime",
    "logging.getLogger": "logging.Logger",
    "open": "io.TextIOWrapper",
    "os.path.join": "str",
    "pathlib.Path.cwd": "pathlib.Path",
    "re.compile": "re.Pattern",
    "re.fullmatch": "re.Match",
    "re.match": "re.Match",
    "re.Pattern.match": "re.Match",
    "re.Pattern.search": "re.Match",
    "re.search": "re.Match",
    "socket.create_connection": "socket.socket",
    "sqlite3.connect": "sqlite3.Connection",
    "sqlite3.Connection.cursor": "sqlite3.Cursor",
    "str.join": "str",
    "str.split": "list",
    "tarfile.open": "tarfile.TarFile",
    "xml.etree.ElementTree.parse": "xml.etree.ElementTree.ElementTree",
}


@dataclass(frozen=True, slots=True)
class Library:
    """The documented names of the library."""

    pages: frozenset[str]
    builtins: frozenset[str]  # names that need no import
    classes: frozenset[str]  # names whose attributes have pages
    inherited: Mapping[str, str]  # `pathlib.Path.name` -> `pathlib.PurePath.name`

    def page(self, dotted: str) -> str | None:
        """Return the page of the longest documented prefix of a dotted name: `os` for `os.environ.get`."""
        while dotted:
            found = self.inherited.get(dotted, dotted)
            if found in self.pages:
                return found
            dotted = dotted.rpartition(".")[0]
        return None


def visits(source: str, library: Library) -> list[str]:
    """Return the pages that source code uses, in order of first use. Raises SyntaxError, ValueError."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about invalid escapes: this code is only parsed
        tree = ast.parse(source)
    reader = _Reader(library)
    reader.visit(tree)
    pages = (library.page(name) for _, name in sorted(reader.uses))
    return list(dict.fromkeys(page for page in pages if page is not None))


def file_visits(path: Path, library: Library) -> list[str]:
    """Return the pages that a file uses; none if it cannot be read."""
    try:
        if path.stat().st_size > _LARGEST_FILE:
            return []
        source = path.read_text(encoding="utf-8")
        return visits(source, library) if _IMPORT.search(source) else []
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return []


@dataclass(slots=True)
class _Reader(ast.NodeVisitor):
    """Tracks imported names and variables that hold an object of a known class."""

    library: Library
    names: dict[str, str] = field(default_factory=dict)  # name in the file -> dotted name
    uses: list[tuple[tuple[int, int], str]] = field(default_factory=list)  # (line, column), dotted name

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            top = alias.name.partition(".")[0]
            self.names[alias.asname or top] = alias.name if alias.asname else top

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        for alias in node.names if node.level == 0 else ():
            self.names[alias.asname or alias.name] = f"{node.module}.{alias.name}"

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Load):
            self._use(node)

    def visit_Constant(self, node: ast.Constant) -> None:
        pass  # the most common node by far, and never a use

    def visit_Attribute(self, node: ast.Attribute) -> None:
        self._use(node)
        if not self._dotted(node) or not isinstance(node.value, ast.Name | ast.Attribute):
            self.visit(node.value)  # a call or literal inside is a separate use

    def visit_Assign(self, node: ast.Assign) -> None:
        self.visit(node.value)
        held = self._type(node.value)
        for target in node.targets:
            self._bind(target, held)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value is not None:  # annotations do not count: nobody looks up `Any`
            self.visit(node.value)
            self._bind(node.target, self._type(node.value))

    def visit_withitem(self, node: ast.withitem) -> None:
        self.visit(node.context_expr)
        if node.optional_vars is not None:
            self._bind(node.optional_vars, self._type(node.context_expr))

    def visit_arg(self, node: ast.arg) -> None:
        if node.arg in self.library.builtins:
            self.names[node.arg] = ""  # a parameter `id` shadows the function

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        for part in (*node.decorator_list, *node.bases, *node.keywords):
            self.visit(part)
        outer = self.names.get("self")
        bases = (self._dotted(base) for base in node.bases)
        self.names["self"] = next((base for base in bases if base in self.library.classes), "")
        for part in node.body:  # `self.assertEqual` in a test case uses its base class
            self.visit(part)
        self.names["self"] = outer or ""

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        for part in (*node.decorator_list, node.args, *node.body):  # without the return annotation
            self.visit(part)

    visit_AsyncFunctionDef = visit_FunctionDef  # noqa: N815

    def _use(self, node: ast.expr) -> None:
        dotted = self._dotted(node)
        if dotted:
            self.uses.append(((node.end_lineno or 0, node.end_col_offset or 0), dotted))

    def _bind(self, target: ast.expr, held: str) -> None:
        name = _key(target)
        if name:
            self.names[name] = held
        else:
            self.visit(target)

    def _type(self, node: ast.expr) -> str:
        """Return the class of an expression's value, '' if it cannot be inferred statically."""
        if isinstance(node, ast.Constant):
            return "str" if isinstance(node.value, str) else "bytes" if isinstance(node.value, bytes) else ""
        if not isinstance(node, ast.Call):
            return _LITERALS.get(type(node).__name__, "")
        called = self._dotted(node.func)
        made = _RETURNS.get(called, called)
        return made if made in self.library.classes else ""

    def _dotted(self, node: ast.expr) -> str:
        """Return the dotted name that a name or attribute refers to, '' if unknown."""
        key = _key(node)
        if key in self.names:
            return self.names[key]
        if isinstance(node, ast.Name):
            return node.id if node.id in self.library.builtins else ""
        if not isinstance(node, ast.Attribute):
            return ""
        owner = self._dotted(node.value) if isinstance(node.value, ast.Name | ast.Attribute) else self._type(node.value)
        return f"{owner}.{node.attr}" if owner else ""


def _key(node: ast.expr) -> str:
    """Return `name` or `name.attribute`, the targets whose values are tracked; '' for any other node."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        return f"{node.value.id}.{node.attr}"
    return ""
