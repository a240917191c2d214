"""Bundles to swap between: copies of a real one, told apart by every answer, and sealed like published ones."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import orjson

from pipeline.recall_steps import PATHS
from store import page_row
from store.bundle import CURRENT, MANIFEST, Manifest, file_hash, open_bundle, write_atomically
from store.tables import LmdbTable, write_table

TWIN = "20990101T000000Z-00000001"
_NOT_SERVED = "cross_encoder/student.safetensors"  # a third of the bundle, read by the next build alone

#: No part of an answer is to be given up on a busy machine; cheap answers, since load is what is wanted.
CALM = [
    "budget_ms=20000", "max_budget_ms=20000", "read_timeout_ms=20000",
    *(f"{stage}.timeout_ms=20000" for stage in ("stage1", "stage2", "blend")),
    *(f"recall.{path}.timeout_ms=20000" for path in PATHS),
    "stage1.keep_top=5", "unknown.most=0", "swap.watch_s=0.1", "swap.nice=0",
]  # fmt: skip


def copy_bundles(bundles: Path, target: Path) -> str:
    """Copy the current bundle without what serving does not read; return its name."""
    name = open_bundle(bundles).name
    shutil.copytree(bundles / name, target / name, ignore=shutil.ignore_patterns(Path(_NOT_SERVED).name))
    seal(target / name)
    point(target, name)
    return name


def twin(bundles: Path, name: str) -> str:
    """Add a bundle whose titles end in its mark and whose scores all differ; return its name."""
    shutil.copytree(bundles / name, bundles / TWIN, copy_function=os.link)
    path = bundles / TWIN / "tables/pages.lmdb"
    table = LmdbTable(path)
    rows = list(_marked(table.items()))
    table.close()
    path.unlink()  # it is a link: what it names must stay as it is
    write_table(path, rows)
    blend = orjson.loads((bundles / TWIN / "blend.json").read_bytes())
    blend["stage2"]["mean"] += blend["stage2"]["deviation"]  # every score is lower by 1 - λ
    replace(bundles / TWIN / "blend.json", orjson.dumps(blend))
    seal(bundles / TWIN)
    return TWIN


def is_marked(title: str) -> bool:
    """Whether a title comes from the twin."""
    return title.endswith(" (twin)")


def seal(path: Path, change: Callable[[Manifest], None] = lambda manifest: None) -> None:
    """Write a manifest that agrees with the files and with the directory's name, as publishing would."""
    manifest = Manifest.model_validate_json((path / MANIFEST).read_bytes())
    files = sorted(p for p in path.rglob("*") if p.is_file() and p.name != MANIFEST)
    manifest.name, manifest.files = path.name, {str(p.relative_to(path)): file_hash(p) for p in files}
    change(manifest)
    replace(path / MANIFEST, manifest.model_dump_json().encode())


def replace(path: Path, data: bytes) -> None:
    """Write a file anew without touching what its links name."""
    write_atomically(path, data)


def point(bundles: Path, name: str) -> None:
    """Write `current`, whatever stands behind the name."""
    write_atomically(bundles / CURRENT, f"{name}\n".encode())


def _marked(rows: Iterator[tuple[int, bytes]]) -> Iterator[tuple[int, bytes]]:
    for page, row in rows:
        facts = page_row.read_facts([row])[0]
        text = page_row.read_text(row)
        marked = text._replace(title=f"{text.title} (twin)")
        yield page, page_row.pack(facts, page_row.read_tokens(row, facts), marked)
