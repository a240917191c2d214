"""ZIPs as Plausible exports them, and ZIPs as nobody should: nothing is lost, and nothing is filled."""

from __future__ import annotations

import struct
import zipfile
from pathlib import Path

import pytest

from corpus.imports import unpacking
from corpus.schema import InputError
from tests.corpus.imports import exports
from tests.corpus.imports.conftest import Import

PAGES = exports.PLAUSIBLE_PAGES
HEADER, *ROWS = PAGES.splitlines()


def one_page(name: str) -> str:
    return f'{HEADER}\n"2026-05-01","www.brot.example","/{name}",1,1,1,80,1\n'


def write(path: Path, *members: tuple[str, str | bytes], compression: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return path


def paths(found: dict[str, dict]) -> set[str]:
    return {url.removeprefix(exports.SITE) for url in found}


@pytest.mark.parametrize("name", ["/etc/imported_a.csv", "../../imported_a.csv", "C:\\x\\imported_a.csv"])
def test_names_that_lead_elsewhere_are_read_and_write_nothing_there(
    imported: Import, tmp_path: Path, name: str
) -> None:
    found = imported("plausible", write(tmp_path / "p.zip", (name, one_page("a")), ("imported_b.csv", one_page("b"))))
    assert paths(found.pages) == {"/a", "/b"}
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["out", "p.zip"]


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_files_of_one_name_are_both_read(imported: Import, tmp_path: Path) -> None:
    file = write(tmp_path / "p.zip", ("imported_a.csv", one_page("a")), ("imported_a.csv", one_page("b")))
    assert paths(imported("plausible", file).pages) == {"/a", "/b"}


def test_a_zip_inside_the_zip_is_named(imported: Import, tmp_path: Path) -> None:
    inner = write(tmp_path / "inner.zip", ("imported_a.csv", one_page("a"))).read_bytes()
    file = write(tmp_path / "p.zip", ("imported_a.csv", inner), ("imported_b.csv", one_page("b")))
    found = imported("plausible", file)
    assert paths(found.pages) == {"/b"}
    assert found.left_out == {"a ZIP inside the ZIP: unpack it and give its files": 1}
    with pytest.raises(InputError, match=r"q\.zip is not a CSV export of Plausible; it is a ZIP: unpack it"):
        imported("plausible", write(tmp_path / "q.zip", ("inner.zip", inner)))


def test_an_encrypted_file_is_named_and_the_others_are_read(imported: Import, tmp_path: Path) -> None:
    file = write(tmp_path / "p.zip", ("imported_a.csv", one_page("a")), ("imported_b.csv", one_page("b")))
    data = bytearray(file.read_bytes())
    for mark, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):  # the first file's, here and in the list
        data[data.index(mark) + flags] |= 1
    file.write_bytes(data)
    found = imported("plausible", file)
    assert paths(found.pages) == {"/b"}
    [unread] = found.report.ledger.unread
    assert "p.zip could not be read: imported_a.csv" in unread and "encrypted" in unread


@pytest.mark.parametrize("compression", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_compressions_that_unpack_without_a_bound_are_refused(
    imported: Import, tmp_path: Path, compression: int
) -> None:
    file = write(tmp_path / "p.zip", ("imported_a.csv", PAGES), compression=compression)
    with pytest.raises(InputError, match=r"p\.zip could not be read: imported_a\.csv: it is neither stored nor"):
        imported("plausible", file)


def test_a_bomb_is_refused(imported: Import, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpacking, "_MOST_UNPACKED", 1 << 20)
    file = write(tmp_path / "p.zip", ("imported_a.csv", f"{PAGES}{ROWS[0]}\n" * 20_000))
    with pytest.raises(InputError, match=r"p\.zip would unpack to 0\.\d GB, more than 200 times its size: if that is"):
        imported("plausible", file)


@pytest.mark.parametrize("large", [False, True], ids=["plain", "ZIP64"])
def test_a_list_of_files_that_fills_memory_is_refused(imported: Import, tmp_path: Path, large: bool) -> None:
    file = write(tmp_path / "p.zip", *((f"imported_{n}.csv" + "x" * 200 + ".csv", "") for n in range(20_000)))
    if large:  # the plain record says nothing, the one before it does
        data = file.read_bytes()
        at = data.rindex(b"PK\x05\x06")
        size, start = struct.unpack("<II", data[at + 12 : at + 20])
        wide = struct.pack("<4sQHHIIQQQQ", b"PK\x06\x06", 44, 45, 45, 0, 0, 20_000, 20_000, size, start)
        locator = struct.pack("<4sIQI", b"PK\x06\x07", 0, at, 1)
        end = struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, 65_535, 65_535, 0xFFFFFFFF, 0xFFFFFFFF, 0)
        file.write_bytes(data[:at] + wide + locator + end)
        assert len(zipfile.ZipFile(file).infolist()) == 20_000
    with pytest.raises(InputError, match=r"p\.zip lists more than 4 MB of files"):
        imported("plausible", file)


@pytest.mark.parametrize("separator", [";", "\t", "|"])
@pytest.mark.parametrize("mark", ["", "\ufeff", "sep"])
def test_other_separators_and_marks(imported: Import, tmp_path: Path, separator: str, mark: str) -> None:
    text = PAGES.replace(",", separator)
    text = f"sep={separator}\n{text}" if mark == "sep" else mark + text
    (tmp_path / "imported_pages.csv").write_text(text, "utf-8")
    assert paths(imported("plausible", tmp_path / "imported_pages.csv").pages) == {
        "/rezepte/sauerteig",
        "/rezepte/roggenbrot",
    }
