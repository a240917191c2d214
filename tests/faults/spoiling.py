"""Spoils a copy of a bundle in every way that we could think of; which one is drawn from a seed.

A copy is made of hard links: what is changed is written anew, so that the original stays whole.
"""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import faiss
import numpy as np
from bundle_twin import replace, seal

from store.bundle import FORMAT, MANIFEST, Manifest

Spoil = Callable[[Path, random.Random], None]

_NATIVE = ("stage?/model.txt", "*/*.onnx", "*/pages.faiss", "tokenizer.json")
_INDEXES = ("cf", "two_tower", "knowledge")


def truncated(path: Path, chance: random.Random) -> None:
    _cut(_any_file(path, chance), chance)


def flipped(path: Path, chance: random.Random) -> None:
    file = _any_file(path, chance)
    data = bytearray(file.read_bytes())
    data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    replace(file, bytes(data))


def emptied(path: Path, chance: random.Random) -> None:
    replace(_any_file(path, chance), b"")


def grown(path: Path, chance: random.Random) -> None:
    file = _any_file(path, chance)
    replace(file, file.read_bytes() + chance.randbytes(chance.randrange(1, 5000)))


def mixed_inside(path: Path, chance: random.Random) -> None:
    kind = chance.choice([("cf/pages.faiss", "two_tower/pages.faiss"), ("stage1/model.txt", "stage2/model.txt")])
    replace(path / kind[0], (path / kind[1]).read_bytes())


def mixed_builds(path: Path, chance: random.Random) -> None:
    other = next(p for p in sorted(path.parent.glob("2099*")) if p != path)
    name = chance.choice(["tables/pages.lmdb", "blend.json"])
    replace(path / name, (other / name).read_bytes())


def anothers_manifest(path: Path, chance: random.Random) -> None:
    other = next(p for p in sorted(path.parent.glob("2099*")) if p != path)
    replace(path / MANIFEST, (other / MANIFEST).read_bytes())


def missing(path: Path, chance: random.Random) -> None:
    _any_file(path, chance).unlink()


def missing_folder(path: Path, chance: random.Random) -> None:
    shutil.rmtree(path / chance.choice(["tables", "cf", "two_tower", "cross_encoder", "stage1", "stage2"]))


def extra(path: Path, chance: random.Random) -> None:
    name = chance.choice(["extra.bin", "tables/more.lmdb", "cf/pages.faiss.old", ".hidden", "new/folder/model.pkl"])
    (path / name).parent.mkdir(parents=True, exist_ok=True)
    (path / name).write_bytes(chance.randbytes(100))


def linked(path: Path, chance: random.Random) -> None:
    file = _any_file(path, chance)
    aside = path.parent / f"aside-{path.name}"
    file.rename(aside)
    file.symlink_to(aside)


def linked_folder(path: Path, chance: random.Random) -> None:
    folder = path / chance.choice(["tables", "cf", "two_tower"])
    aside = path.parent / f"aside-{path.name}"
    folder.rename(aside)
    folder.symlink_to(aside, target_is_directory=True)


def pipe(path: Path, chance: random.Random) -> None:
    file = _any_file(path, chance) if chance.random() < 0.5 else path / "pipe"
    file.unlink(missing_ok=True)
    os.mkfifo(file)


def folder_for_file(path: Path, chance: random.Random) -> None:
    file = _any_file(path, chance)
    file.unlink()
    file.mkdir()


def manifest_cut(path: Path, chance: random.Random) -> None:
    _cut(path / MANIFEST, chance)


def manifest_noise(path: Path, chance: random.Random) -> None:
    noise = [b"", b"null", b"[]", b"{}", b"\xff\xfe", b"[" * 100_000, chance.randbytes(999)]
    replace(path / MANIFEST, chance.choice(noise))


def manifest_hash(path: Path, chance: random.Random) -> None:
    _manifest(path, lambda m: m.files.update({chance.choice(sorted(m.files)): f"{chance.getrandbits(256):064x}"}))


def manifest_field(path: Path, chance: random.Random) -> None:
    text = (path / MANIFEST).read_bytes()
    field = chance.choice([b'"files"', b'"warmup"', b'"config"', b'"features"', b'"name"'])
    replace(path / MANIFEST, text.replace(field, b'"' + field[2:], 1))


def manifest_missing(path: Path, chance: random.Random) -> None:
    (path / MANIFEST).unlink()
    if chance.random() < 0.5:
        (path / MANIFEST).mkdir()


def manifest_escapes(path: Path, chance: random.Random) -> None:
    outside = chance.choice(["../current", "/etc/passwd", "tables/../../current"])
    _manifest(path, lambda m: m.files.update({outside: "0" * 64}))


def other_format(path: Path, chance: random.Random) -> None:
    _manifest(path, lambda m: setattr(m, "format", chance.choice([FORMAT + 1, FORMAT - 1, 10**9, -1])))


def other_name(path: Path, chance: random.Random) -> None:
    _manifest(path, lambda m: setattr(m, "name", "20240101T000000Z-0123abcd"))


def other_features(path: Path, chance: random.Random) -> None:
    stage = chance.choice(["stage1", "stage2"])
    _manifest(path, lambda m: chance.choice([m.features[stage].reverse, m.features[stage].pop, m.features.clear])())


def other_dimension(path: Path, chance: random.Random) -> None:
    index = chance.choice(_INDEXES)
    seal(path, lambda m: m.dimensions.update({index: m.dimensions[index] + chance.choice([-1, 1, 100])}))


def other_rows(path: Path, chance: random.Random) -> None:
    seal(path, lambda m: m.rows.update({chance.choice(sorted(m.rows)): 1}))


def sealed_index(path: Path, chance: random.Random) -> None:
    """Another dimension, consistently sealed: what a build with a mistake would publish."""
    name = chance.choice(_INDEXES)
    old = faiss.read_index(str(path / name / "pages.faiss"))
    index = faiss.IndexFlatIP(old.d + 8)
    index.add(np.ones((old.ntotal, old.d + 8), np.float32))
    replace(path / name / "pages.faiss", faiss.serialize_index(index).tobytes())
    seal(path)


def sealed_vectors(path: Path, chance: random.Random) -> None:
    file = path / "two_tower/queries.npy"
    vectors = np.load(file)
    file.unlink()
    np.save(file, vectors[:-1] if chance.random() < 0.5 else vectors[:, :-1])
    seal(path)


def sealed_cut(path: Path, chance: random.Random) -> None:
    """A native format cut short and sealed: LightGBM crashes the process that opens it."""
    _cut(_native(path, chance), chance)
    seal(path)


def sealed_noise(path: Path, chance: random.Random) -> None:
    replace(_native(path, chance), chance.randbytes(2_000))
    seal(path)


def sealed_empty_table(path: Path, chance: random.Random) -> None:
    replace(path / f"tables/{chance.choice(['pages', 'coclick', 'qprime', 'popular'])}.lmdb", chance.randbytes(8192))
    seal(path)


#: Refused by the hashes or the manifest, before the check opens anything.
DAMAGED: tuple[Spoil, ...] = (
    truncated, flipped, emptied, grown, mixed_inside, mixed_builds, anothers_manifest, missing, missing_folder, extra,
    linked, linked_folder, pipe, folder_for_file, manifest_cut, manifest_noise, manifest_hash, manifest_field,
    manifest_missing, manifest_escapes, other_format, other_name,
)  # fmt: skip
#: Whole by their hashes; found when the check opens them.
SEALED: tuple[Spoil, ...] = (
    other_features, other_dimension, other_rows, sealed_index, sealed_vectors, sealed_cut, sealed_noise,
    sealed_empty_table,
)  # fmt: skip


def spoilt(bundles: Path, whole: str, number: int, spoil: Spoil, seed: int) -> str:
    """Add a copy of a bundle and spoil it; return its name."""
    name = f"20260101T{number:06d}Z-{seed:08x}"
    shutil.copytree(bundles / whole, bundles / name, copy_function=os.link)
    _manifest(bundles / name, lambda manifest: setattr(manifest, "name", name))
    spoil(bundles / name, random.Random(f"{seed} {number}"))
    return name


def _any_file(path: Path, chance: random.Random) -> Path:
    return chance.choice(sorted(p for p in path.rglob("*") if p.is_file() and p.name != MANIFEST))


def _native(path: Path, chance: random.Random) -> Path:
    return chance.choice(sorted(path.glob(chance.choice(_NATIVE))))


def _cut(file: Path, chance: random.Random) -> None:
    data = file.read_bytes()
    replace(file, data[: chance.randrange(len(data))])


def _manifest(path: Path, change: Callable[[Manifest], object]) -> None:
    """Change the manifest alone."""
    manifest = Manifest.model_validate_json((path / MANIFEST).read_bytes())
    change(manifest)
    replace(path / MANIFEST, manifest.model_dump_json().encode())
