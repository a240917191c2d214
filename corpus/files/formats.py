"""Formats of input files, told by their endings."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


class Kind(StrEnum):
    """How rows are written."""

    CSV = "csv"  # separated by commas, semicolons, tabs or bars
    JSON = "json"  # one object a line, one after another, or in an array
    PARQUET = "parquet"


class Packing(StrEnum):
    """How a text file is compressed; in DuckDB's words, where it reads it."""

    NONE = "none"
    GZIP = "gzip"
    ZSTD = "zstd"
    BZ2 = "bz2"


_KINDS = {
    ".csv": Kind.CSV,
    ".tsv": Kind.CSV,
    ".jsonl": Kind.JSON,
    ".ndjson": Kind.JSON,
    ".json": Kind.JSON,
    ".parquet": Kind.PARQUET,
    ".parq": Kind.PARQUET,
}
_PACKINGS = {".gz": Packing.GZIP, ".zst": Packing.ZSTD, ".bz2": Packing.BZ2}
_CODECS = frozenset({".snappy", ".gz", ".gzip", ".zst", ".zstd", ".lz4", ".brotli"})  # `clicks.snappy.parquet`: inside

#: For error messages.
ENDINGS = f"{' '.join(_KINDS)}, text files also {' '.join(_PACKINGS)}"


@dataclass(frozen=True, slots=True)
class Format:
    """What a file's ending says of it."""

    kind: Kind
    packing: Packing = Packing.NONE


def format_of(path: Path) -> Format | None:
    """Return the format that a name promises, in whatever case; None for no format that is read."""
    return split(path)[1]


def split(path: Path) -> tuple[str, Format | None]:
    """Return a name's stem and its format: `clicks.csv.gz` is `clicks`, a CSV file in gzip.

    A Parquet file may name the codec that it holds: `clicks.snappy.parquet` is `clicks`.
    """
    stem, packing = Path(path.name), Packing.NONE
    if stem.suffix.lower() in _PACKINGS:
        packing, stem = _PACKINGS[stem.suffix.lower()], stem.with_suffix("")
    kind = _KINDS.get(stem.suffix.lower())
    if kind is None or (kind is Kind.PARQUET and packing is not Packing.NONE):
        return path.name.partition(".")[0], None
    stem = stem.with_suffix("")
    if kind is Kind.PARQUET and stem.suffix.lower() in _CODECS:
        stem = stem.with_suffix("")
    return stem.name, Format(kind, packing)


def part_format(path: Path) -> Format:
    """Return the format of a part; one without an ending has that of the directory it lies in, such as `clicks.csv/`.

    Raises LookupError when neither says it.
    """
    for place in (path, *path.parents):
        if (form := format_of(place)) is not None:
            return form
    raise LookupError(path)
