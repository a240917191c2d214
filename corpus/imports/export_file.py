"""Files of an export: found by path, directory or pattern, and known by their first bytes."""

from __future__ import annotations

import glob
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from corpus.files.formats import Packing
from corpus.files.headers import Text, head_of, text_as_it_is
from corpus.files.text_bytes import encoding_of
from corpus.schema import InputError

_HEAD = 1 << 16  # bytes
_MAGIC = {b"\x1f\x8b": Packing.GZIP, b"\x28\xb5\x2f\xfd": Packing.ZSTD, b"BZh": Packing.BZ2}
PARQUET, ZIP = b"PAR1", b"PK\x03\x04"


@dataclass(frozen=True, slots=True)
class ExportFile:
    """A file, its compression (by content, since exports often lack an extension) and its first bytes."""

    path: Path
    packing: Packing
    head: bytes  # decompressed
    working: Path  # directory for what is unpacked

    @property
    def start(self) -> str:
        """The first bytes as text without a byte order mark."""
        return self.head.decode(encoding_of(self.head), errors="replace").removeprefix("\ufeff")

    def text(self) -> Text:
        """Return what its first lines tell of the text. Raises InputError."""
        return text_as_it_is(self.path, self.packing)


def open_export(path: Path, working: Path) -> ExportFile:
    """Look at the first bytes of a file. Raises InputError if it is corrupt."""
    with path.open("rb") as file:
        magic = file.read(4)
    packing = next((packing for mark, packing in _MAGIC.items() if magic.startswith(mark)), Packing.NONE)
    return ExportFile(path, packing, head_of(path, packing, _HEAD), working)


def expand(files: Iterable[str | Path]) -> dict[Path, bool]:
    """Return the files that paths, directories and patterns such as `events_*` mean, and whether each was named.

    A file that was not named but found in a directory may be anything.
    Hidden files and those that start with `_` are markers of other programs. Raises InputError if one means no file.
    """
    found: dict[Path, bool] = {}
    for name in files:
        matched = sorted(_matched(Path(name)))
        if not matched:
            raise InputError(f"{name} is not a file, a directory with files, or a pattern that matches any: name one")
        found.update(dict.fromkeys(matched, not Path(name).is_dir()))
    return found


def _matched(path: Path) -> Iterator[Path]:
    if path.is_file():
        yield path
        return
    if path.is_dir():
        candidates: Iterable[Path] = path.rglob("*")
        below = len(path.parts)
    else:
        candidates, below = map(Path, glob.glob(str(path), recursive=True)), 0  # noqa: PTH207 - absolute patterns too
    for entry in candidates:
        if entry.is_file() and not any(part.startswith((".", "_")) and part != ".." for part in entry.parts[below:]):
            yield entry
