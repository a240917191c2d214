"""Finds the files of the input tables in a directory by name; a table may consist of several part files."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from corpus.files.formats import ENDINGS, Kind, format_of, part_format, split
from corpus.schema import TABLES, InputError

#: The files of one table, in order: a single file or its parts.
Parts = tuple[Path, ...]

#: The directory of events.
EVENTS = "events"

_NAMES = {name: table.name for table in TABLES for name in (table.name, table.name.removesuffix("s"))}
# Numbers, dates and hours: `clicks-00001-of-00010`, `clicks_2026-05-01`, `clicks_20260501T090000Z`.
_PART = re.compile(r"(?P<name>[a-z]+?)(?:[-_. ]?part)?(?:(?:[-_.t]|[-_]of[-_])?\d+)*z?")
_LINES = 20  # ignored files that are listed individually


@dataclass(frozen=True, slots=True)
class InputFiles:
    """The contents of a directory: the files of each table, and a message for each ignored entry."""

    tables: Mapping[str, Parts]
    ignored: tuple[str, ...] = ()
    events: Parts = ()  # Parquet files of events, from which rows of clicks and impressions are made


def find(data: Path) -> dict[str, Parts]:
    """Return table -> files in the directory `data`. Raises InputError if a table is ambiguous or pages missing."""
    return dict(find_inputs(data).tables)


def find_inputs(data: Path) -> InputFiles:
    """Return the tables of a directory and the entries that are ignored.

    A table is a file `clicks.csv` (case-insensitive, also `click.csv`), parts such as `clicks-000.csv` and
    `clicks_2026-05-01.csv`, or a directory `clicks/` or `clicks.csv/` of parts with any names. Hidden files and those
    that start with `_` are markers of other programs. `events/` holds the Parquet files of events. Raises InputError.
    """
    if not data.is_dir():
        raise InputError(f"{data} is not a directory: give the one with pages, and with clicks if there are any")
    candidates: dict[str, list[Path]] = defaultdict(list)
    ignored = []
    events: Parts = ()
    for entry in sorted(data.iterdir()):
        if _is_marker(entry):
            continue
        if entry.name == EVENTS and entry.is_dir():
            events = _events_in(entry)
            continue
        table = _table_of(entry)
        if table is None or (entry.is_dir() and not parts_in(entry)):
            ignored.append(_ignored(entry, table))
        else:
            candidates[table].append(entry)
            ignored += _not_parts(entry)
    tables = {table.name: _only(data, candidates[table.name]) for table in TABLES if candidates[table.name]}
    if "pages" not in tables:
        hint = f" ({'; '.join(ignored[:3])})" if ignored else ""
        raise InputError(f"{data} has no pages table: add pages.parquet, .csv or .jsonl (.gz, .zst or .bz2){hint}")
    return InputFiles(tables, _shortened(ignored), events)


def parts_of(path: Path) -> Parts:
    """Return the file, or the parts in a directory. Raises InputError if there is none or its extension is unknown."""
    if path.is_dir():
        if parts := parts_in(path):
            return parts
        raise InputError(f"{path} is a directory without table files: supported extensions are {ENDINGS}")
    if not path.is_file():
        raise InputError(f"{path} is not a file: give an existing one")
    if format_of(path) is None:
        raise InputError(f"{path} has an unknown extension: use one of {ENDINGS}")
    return (path,)


def parts_in(directory: Path) -> Parts:
    """Return the table files anywhere below a directory, in order of their paths.

    In a directory such as `clicks.csv/` they need no extension. Raises InputError if their formats differ.
    """
    return _of_one_kind(directory, [path for path in _files_in(directory) if _is_part(path, directory)])


def _events_in(directory: Path) -> Parts:
    """Return the files of events. Raises InputError if one is not Parquet."""
    files = parts_in(directory)
    for file in files:
        if part_format(file).kind is not Kind.PARQUET:
            raise InputError(f"{file} is not a Parquet file of events: `onward events` writes them; move it away")
    return files


def _files_in(directory: Path) -> list[Path]:
    files = sorted(path for path in directory.rglob("*") if path.is_file())
    return [path for path in files if not any(_is_marker(Path(name)) for name in path.relative_to(directory).parts)]


def _is_part(path: Path, directory: Path) -> bool:
    return format_of(path) is not None or (format_of(directory) is not None and not path.suffix)


def _not_parts(entry: Path) -> Iterator[str]:
    """Yield a message for each file in a table's directory that is not a part of it."""
    for path in _files_in(entry) if entry.is_dir() else ():
        if not _is_part(path, entry):
            yield f"{path.relative_to(entry.parent)} is ignored, unknown extension: use {ENDINGS}"


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
    """Return the parts of a table's only directory or file, or its numbered part files."""
    whole = [entry for entry in entries if entry.is_dir() or split(entry)[0].lower() in _NAMES]
    if len(entries) > 1 and whole:
        other = next(entry for entry in entries if entry != whole[0])
        first, second = sorted((whole[0].name, other.name), key=lambda name: (".parq" not in name, name))
        raise InputError(f"{data} has both {first} and {second}: keep one of them")
    return parts_in(entries[0]) if entries[0].is_dir() else _of_one_kind(data, list(entries))


def _of_one_kind(directory: Path, parts: Sequence[Path]) -> Parts:
    kinds: dict[Kind, Path] = {}
    for part in parts:
        form = format_of(part) or format_of(directory)
        if form is not None:
            kinds.setdefault(form.kind, part)
    if len(kinds) > 1:
        names = " and ".join(part.name for part in kinds.values())
        raise InputError(f"{directory} has parts in different formats, {names}: use one format")
    return tuple(parts)


def _ignored(entry: Path, table: str | None) -> str:
    """Return the message for an ignored entry: its name, and the name that it should have."""
    name = entry.name + ("/" if entry.is_dir() else "")
    if table is not None:
        return f"{name} is ignored: no file in it has a known extension ({ENDINGS})"
    stem = split(entry)[0].lower()
    words = [word for word in re.split(r"[^a-z]+", stem) if word]
    close = next((_NAMES[word] for word in words if word in _NAMES), None)
    close = close or next((_NAMES[near] for near in get_close_matches(stem, _NAMES, n=1, cutoff=0.7)), None)
    if close is None:
        return f"{name} is ignored: the tables are {', '.join(table.name for table in TABLES)}"
    if format_of(entry) is None and not entry.is_dir():
        return f"{name} is ignored, unknown extension: if it contains {close}, write {close}.csv or {close}.parquet"
    ending = "/" if entry.is_dir() else entry.name[len(split(entry)[0]) :].lower()
    return f"{name} is ignored: if it contains {close}, rename it to {close}{ending}"


def _shortened(lines: Sequence[str]) -> tuple[str, ...]:
    more = len(lines) - _LINES
    return (*lines[:_LINES], f"{more} more files are ignored") if more > 0 else tuple(lines)


def _is_marker(entry: Path) -> bool:
    return entry.name.startswith((".", "_")) or entry.name.lower().endswith(".crc")


def named_tables(files: Mapping[str, Path]) -> Iterator[tuple[str, Parts]]:
    """Yield tables given as separate files. Raises InputError if one is unknown or missing, or pages is not given."""
    names = [table.name for table in TABLES]
    for name, path in files.items():
        if name not in names:
            raise InputError(f"unknown table {name!r}: the tables are {', '.join(names)}")
        yield name, parts_of(path)
    if "pages" not in files:
        raise InputError("no file for the pages table: the other tables refer to it")
