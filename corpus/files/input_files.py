"""Finds the files of the input tables: by name in a directory, in parts where a table is written in parts."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from corpus.files.formats import ENDINGS, Kind, format_of, split
from corpus.schema import TABLES, InputError

#: The files of one table, in order: one, or the parts of it.
Parts = tuple[Path, ...]

_NAMES = {name: table.name for table in TABLES for name in (table.name, table.name.removesuffix("s"))}
# Numbers, dates and hours: `clicks-00001-of-00010`, `clicks_2026-05-01`, `clicks_20260501T090000Z`.
_PART = re.compile(r"(?P<name>[a-z]+?)(?:[-_. ]?part)?(?:(?:[-_.t]|[-_]of[-_])?\d+)*z?")
_LINES = 20  # files that are named one by one


@dataclass(frozen=True, slots=True)
class Found:
    """What a directory holds: the files of each table, and a line for each entry that is not read."""

    tables: Mapping[str, Parts]
    passed_over: tuple[str, ...]


def find(data: Path) -> dict[str, Parts]:
    """Return table -> files in the directory `data`. Raises InputError when one is there twice, or pages are not."""
    return dict(look(data).tables)


def look(data: Path) -> Found:
    """Return the tables of a directory and what else lies there.

    A table is `clicks.csv`, in any case, also `click.csv`; or parts `clicks-000.csv`, `clicks_2026-05-01.csv`; or a
    directory `clicks/` or `clicks.csv/` of parts, whatever their names. Hidden files and those that begin with `_`
    are marks of other programs. Raises InputError.
    """
    if not data.is_dir():
        raise InputError(f"{data} is no directory: give the directory that holds pages, clicks and impressions")
    candidates: dict[str, list[Path]] = defaultdict(list)
    passed_over = []
    for entry in sorted(data.iterdir()):
        if _is_mark(entry):
            continue
        table = _table_of(entry)
        if table is None or (entry.is_dir() and not parts_in(entry)):
            passed_over.append(_why_not(entry, table))
        else:
            candidates[table].append(entry)
            passed_over += _not_parts(entry)
    tables = {table.name: _only(data, candidates[table.name]) for table in TABLES if candidates[table.name]}
    if "pages" not in tables:
        hint = f" ({'; '.join(passed_over[:3])})" if passed_over else ""
        raise InputError(f"{data} holds no pages: add pages.parquet, .csv or .jsonl (.gz, .zst or .bz2){hint}")
    return Found(tables, _short(passed_over))


def parts_of(path: Path) -> Parts:
    """Return the file, or the parts in a directory. Raises InputError when there is none, or its ending is unknown."""
    if path.is_dir():
        if parts := parts_in(path):
            return parts
        raise InputError(f"{path} is a directory without table files: their names end in {ENDINGS}")
    if not path.is_file():
        raise InputError(f"{path} is no file: give an existing one")
    if format_of(path) is None:
        raise InputError(f"{path} has an unknown ending: use one of {ENDINGS}")
    return (path,)


def parts_in(directory: Path) -> Parts:
    """Return the table files anywhere in a directory, in order of their paths.

    In `clicks.csv/` they may go without an ending. Raises InputError when they are of several kinds.
    """
    return _alike(directory, [path for path in _files_in(directory) if _is_part(path, directory)])


def _files_in(directory: Path) -> list[Path]:
    files = sorted(path for path in directory.rglob("*") if path.is_file())
    return [path for path in files if not any(_is_mark(Path(name)) for name in path.relative_to(directory).parts)]


def _is_part(path: Path, directory: Path) -> bool:
    return format_of(path) is not None or (format_of(directory) is not None and not path.suffix)


def _not_parts(entry: Path) -> Iterator[str]:
    """Yield a line for each file in a table's directory that is no part of it."""
    for path in _files_in(entry) if entry.is_dir() else ():
        if not _is_part(path, entry):
            yield f"{path.relative_to(entry.parent)} is not read, its ending is unknown: {ENDINGS} are read"


def _table_of(entry: Path) -> str | None:
    stem, form = split(entry)
    if form is None and not entry.is_dir():
        return None
    name = (stem if form is not None else entry.name).lower()
    if name in _NAMES:
        return _NAMES[name]
    part = _PART.fullmatch(name)
    return _NAMES.get(part["name"]) if part and not entry.is_dir() else None


def _only(data: Path, entries: Sequence[Path]) -> Parts:
    """Return the parts of a table's only directory or file, or of the files that are numbered as its parts."""
    whole = [entry for entry in entries if entry.is_dir() or split(entry)[0].lower() in _NAMES]
    if len(entries) > 1 and whole:
        other = next(entry for entry in entries if entry != whole[0])
        first, second = sorted((whole[0].name, other.name), key=lambda name: (".parq" not in name, name))
        raise InputError(f"{data} holds both {first} and {second}: keep one of them")
    return parts_in(entries[0]) if entries[0].is_dir() else _alike(data, list(entries))


def _alike(directory: Path, parts: Sequence[Path]) -> Parts:
    kinds: dict[Kind, Path] = {}
    for part in parts:
        form = format_of(part) or format_of(directory)
        if form is not None:
            kinds.setdefault(form.kind, part)
    if len(kinds) > 1:
        names = " and ".join(part.name for part in kinds.values())
        raise InputError(f"{directory} holds parts of different kinds, {names}: keep one kind")
    return tuple(parts)


def _why_not(entry: Path, table: str | None) -> str:
    """Return the line of an entry that is not read: its name, and the name that it should have."""
    name = entry.name + ("/" if entry.is_dir() else "")
    if table is not None:
        return f"{name} is not read: no file in it has a known ending ({ENDINGS})"
    stem = split(entry)[0].lower()
    words = [word for word in re.split(r"[^a-z]+", stem) if word]
    close = next((_NAMES[word] for word in words if word in _NAMES), None)
    close = close or next((_NAMES[near] for near in get_close_matches(stem, _NAMES, n=1, cutoff=0.7)), None)
    if close is None:
        return f"{name} is not read: the tables are {', '.join(table.name for table in TABLES)}"
    if format_of(entry) is None and not entry.is_dir():
        return f"{name} is not read, its ending is unknown: if it holds {close}, write {close}.csv or {close}.parquet"
    ending = "/" if entry.is_dir() else entry.name[len(split(entry)[0]) :].lower()
    return f"{name} is not read: if it holds {close}, name it {close}{ending}"


def _short(lines: Sequence[str]) -> tuple[str, ...]:
    more = len(lines) - _LINES
    return (*lines[:_LINES], f"{more} more files are not read") if more > 0 else tuple(lines)


def _is_mark(entry: Path) -> bool:
    return entry.name.startswith((".", "_")) or entry.name.lower().endswith(".crc")


def named_tables(files: Mapping[str, Path]) -> Iterator[tuple[str, Parts]]:
    """Yield the tables that were given one by one. Raises InputError unless each is known, there, and pages too."""
    names = [table.name for table in TABLES]
    for name, path in files.items():
        if name not in names:
            raise InputError(f"there is no table {name!r}: the tables are {', '.join(names)}")
        yield name, parts_of(path)
    if "pages" not in files:
        raise InputError("no file for pages was given: the other tables refer to it")
