"""Writes events to Parquet: `python -m corpus.events.write OUT.parquet SEGMENT.jsonl…`.

The gateway runs this in a process of its own: pyarrow would take memory in every worker, and its work would hold up
answers.
"""

from __future__ import annotations

import fcntl
import glob
import io
import os
import secrets
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
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
    _remove_leftovers(out)
    with _locked(out) as temporary:
        try:
            with temporary.open("wb") as file:
                pq.write_table(events, file, compression="zstd")
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(out)
        finally:
            temporary.unlink(missing_ok=True)
    sync(out.parent)


@contextmanager
def _locked(out: Path) -> Iterator[Path]:
    """Yield a new file that stays locked: it tells writers in other containers, too, that this one lives."""
    while True:
        temporary = out.with_name(f".{out.name}.{secrets.randbits(64)}")
        descriptor = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o666)
        try:
            with suppress(OSError):  # a file system without locks: then leftovers are not removed either
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            if os.fstat(descriptor).st_nlink:  # else another writer has removed it before it was locked
                yield temporary
                return
        finally:
            os.close(descriptor)


def _remove_leftovers(out: Path) -> None:
    """Remove what killed writers of this file left; a living one's is locked, that of a gateway being replaced."""
    for left in out.parent.glob(f".{glob.escape(out.name)}.*"):
        if not left.name.rpartition(".")[2].isdecimal():
            continue
        with suppress(OSError):  # locked, gone meanwhile, or on a file system without locks
            descriptor = os.open(left, os.O_RDWR)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                left.unlink(missing_ok=True)
            finally:
                os.close(descriptor)


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
