"""Formats of input files, determined by their extensions."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


class Kind(StrEnum):
    """The format of the rows."""

    CSV = "csv"  # separated by commas, semicolons, tabs or pipes
    JSON = "json"  # one object per line, concatenated objects, or an array
    PARQUET = "parquet"


class Packing(StrEnum):
    """The compression of a text file; named as in DuckDB if DuckDB supports it."""

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
_CODECS = frozenset({".snappy", ".gz", ".gzip", ".zst", ".zstd", ".lz4", ".brotli"})  # as in `clicks.snappy.parquet`

#: For error messages.
ENDINGS = f"{' '.join(_KINDS)}; text files also {' '.join(_PACKINGS)}"


@dataclass(frozen=True, slots=True)
class Format:
    """A file's format according to its extension."""

    kind: Kind
    packing: Packing = Packing.NONE


def format_of(path: Path) -> Format | None:
    """Return the format for a file name, ignoring case; None if it is not supported."""
    return split(path)[1]


def split(path: Path) -> tuple[str, Format | None]:
    """Return a name's stem and format: `clicks.csv.gz` gives `clicks` and CSV in gzip.

    The codec in a Parquet file's name is not part of the stem: `clicks.snappy.parquet` gives `clicks`.
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
    """Return the format of a part; without an extension, that of its directory, such as `clicks.csv/`.

    Raises LookupError if neither has one.
    """
    for place in (path, *path.parents):
        if (form := format_of(place)) is not None:
            return form
    raise LookupError(path)
