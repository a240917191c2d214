"""Writes events to Parquet: `python -m corpus.events.write OUT.parquet SEGMENT.jsonl…`.

The gateway runs this in a process of its own: pyarrow would take memory in every worker, and its work would hold up
answers.
"""

from __future__ import annotations

import glob
import io
import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.json as pj
import pyarrow.parquet as pq

from corpus.events.schema import SCHEMA
from corpus.files.sync import sync

_PARSE = pj.ParseOptions(explicit_schema=SCHEMA, unexpected_field_behavior="ignore")


def write_segments(out: Path, segments: Sequence[Path]) -> None:
    """Write the events of the segments as one file."""
    write(out, pa.concat_tables([SCHEMA.empty_table(), *(read_lines(path.read_bytes()) for path in segments)]))


def write(out: Path, events: pa.Table) -> None:
    """Write events as a Parquet file that appears whole or not at all, and stays if the machine loses power."""
    out.parent.mkdir(parents=True, exist_ok=True)
    temporary = out.with_name(f".{out.name}.{os.getpid()}")
    _remove_leftovers(out)
    try:
        pq.write_table(events, temporary, compression="zstd")
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.replace(out)
    finally:
        temporary.unlink(missing_ok=True)
    sync(out.parent)


def _remove_leftovers(out: Path) -> None:
    """Remove what killed writers of this file left; one that lives may be that of a gateway which is being replaced."""
    for left in out.parent.glob(f".{glob.escape(out.name)}.*"):
        number = left.name.rpartition(".")[2]
        if number.isdecimal() and not _lives(int(number)):
            left.unlink(missing_ok=True)


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def read_lines(lines: bytes) -> pa.Table:
    """Return rows of the events table from JSON lines; lines that a full disk or another program spoilt are skipped."""
    if not lines:
        return SCHEMA.empty_table()
    try:
        return _parsed(lines)
    except pa.ArrowInvalid:
        return pa.concat_tables([SCHEMA.empty_table(), *_each(lines.splitlines())])


def _each(lines: Iterable[bytes]) -> Iterable[pa.Table]:
    for line in lines:
        try:
            yield _parsed(line)
        except pa.ArrowInvalid:
            continue


def _parsed(lines: bytes) -> pa.Table:
    return pj.read_json(io.BytesIO(lines), parse_options=_PARSE).select(SCHEMA.names).cast(SCHEMA)


if __name__ == "__main__":
    try:
        write_segments(Path(sys.argv[1]), [Path(each) for each in sys.argv[2:]])
    except OSError as problem:
        sys.exit(f"{problem.filename}: {problem.strerror}")
