"""Hashes the code of a step: its function's module, every project module that this imports, and library versions.

Derived from the imports in the sources, those inside functions too. Comments, docstrings and layout do not count.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import sys
from collections.abc import Callable, Iterator
from functools import cache, lru_cache
from importlib.metadata import packages_distributions, version
from pathlib import Path
from typing import Any, NamedTuple

_OURS = Path(__file__).parents[2]  # the folder of our packages
_READS_FILES = {"importlib.resources", "pkgutil"}

_distributions = cache(packages_distributions)  # reads the metadata of all that is installed


class _Source(NamedTuple):
    """The parts of one file that affect a step's key."""

    digest: str
    imports: frozenset[str]  # dotted; the last part may be a name of the module before it
    data: frozenset[str]  # packages whose other files it may read


def code_of(run: Callable[..., Any]) -> dict[str, str]:
    """Return what `run` may use: a hash of each module and data file of ours, and the version of each library."""
    entry = sys.modules[run.__module__]
    assert entry.__file__ is not None, entry  # noqa: S101 - a step's function is always defined in a file
    own, found = run.__module__.partition(".")[0], dict[str, str]()
    waiting = [*_modules(run.__module__)[:-1], (run.__module__, Path(entry.__file__))]
    while waiting:
        name, path = waiting.pop()
        if name in found:
            continue
        source = _source(name, path, path.stat().st_mtime_ns)
        found[name] = source.digest
        for folder in source.data:
            found |= {f"{folder}: {file.name}": _hash(file.read_bytes()) for file in _data_files(folder)}
        for imported in source.imports:
            package = imported.partition(".")[0]
            libraries = _libraries(package)
            found |= libraries
            waiting += () if libraries and package != own else _modules(imported)  # a plug-in's own code counts, too
    return found


def source_of(module: str) -> str:
    """Return a hash of one module of ours, without what it imports."""
    name, path = _modules(module)[-1]
    return _source(name, path, path.stat().st_mtime_ns).digest


@cache
def _libraries(package: str) -> dict[str, str]:
    """Return the installed distributions, other than our own, that hold a top-level package; and their versions."""
    known, ours = _distributions(), __name__.partition(".")[0]
    owners = set(known.get(package, ())) - set(known.get(ours, ()))
    return {owner: version(owner) for owner in owners}


@cache
def _modules(imported: str) -> tuple[tuple[str, Path], ...]:
    """Return the modules of ours that an import runs: of `a.b.c` as many of `a`, `a.b` and `a.b.c` as are files."""
    parts = imported.split(".")
    folder, found = _folder_of(parts[0]), []
    for number, part in enumerate(parts, start=1):
        files = (folder / part / "__init__.py", folder / f"{part}.py")
        found += [(".".join(parts[:number]), path) for path in files if path.is_file()]
        folder /= part
    return tuple(found)


@cache
def _folder_of(package: str) -> Path:
    """Return the folder that holds a top-level package or module of ours."""
    if package in sys.stdlib_module_names or (spec := importlib.util.find_spec(package)) is None:
        return _OURS
    folders = [Path(folder).parent for folder in spec.submodule_search_locations or ()]
    return folders[0] if folders else Path(str(spec.origin)).parent


def _data_files(package: str) -> Iterator[Path]:
    parts = package.split(".")
    for path in sorted(_folder_of(parts[0]).joinpath(*parts).rglob("*")):
        if path.is_file() and path.suffix not in (".py", ".pyc"):
            yield path


@lru_cache(maxsize=1024)
def _source(name: str, path: Path, _changed: int) -> _Source:
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    tree = ast.parse(path.read_bytes())
    imports = frozenset(_imports(tree, package))
    nodes = list(ast.walk(tree))
    data = frozenset(_packages_read(nodes, package) if imports & _READS_FILES or _names_its_file(nodes) else ())
    for node in nodes:
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and (
            ast.get_docstring(node, clean=False) is not None
        ):
            del node.body[0]
    return _Source(_hash(ast.dump(tree).encode()), imports, data)


def _imports(node: ast.AST, package: str) -> Iterator[str]:
    match node:
        case ast.If(test=ast.Name(id="TYPE_CHECKING") | ast.Attribute(attr="TYPE_CHECKING"), orelse=run):
            for other in run:
                yield from _imports(other, package)
        case ast.Import(names=names):
            yield from (alias.name for alias in names)
        case ast.ImportFrom(module=module, names=names, level=level):
            base = importlib.util.resolve_name("." * level + (module or ""), package)
            yield base
            yield from (f"{base}.{alias.name}" for alias in names)
        case _:
            for child in ast.iter_child_nodes(node):
                yield from _imports(child, package)


def _names_its_file(nodes: list[ast.AST]) -> bool:
    return any(isinstance(node, ast.Name) and node.id == "__file__" for node in nodes)


def _packages_read(nodes: list[ast.AST], own: str) -> Iterator[str]:
    """Yield the packages that `files("package")` names in a module; its own if none is named."""
    named = [
        argument.value
        for node in nodes
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute)
        for argument in node.args[:1]
        if isinstance(argument, ast.Constant) and isinstance(argument.value, str)
        if (node.func.id if isinstance(node.func, ast.Name) else node.func.attr) in ("files", "get_data")
    ]
    yield from named or ([own] if own else [])


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
