"""Text files as editors and shells write them: with and without a byte order mark."""

import codecs
from pathlib import Path

import pytest

from configs.reading import from_toml
from configs.text_file import read_text


@pytest.mark.parametrize(
    "data",
    [
        "é x\n".encode(),
        codecs.BOM_UTF8 + "é x\n".encode(),
        "é x\n".encode("utf-16"),
        codecs.BOM_UTF16_BE + "é x\n".encode("utf-16-be"),
        "é x\n".encode("utf-32"),
    ],
)
def test_a_byte_order_mark_sets_the_encoding_and_is_not_part_of_the_text(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(data)
    assert read_text(tmp_path / "file") == "é x\n"


def test_a_settings_file_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    (tmp_path / "file.toml").write_text("\ufeffname = 'x'\n", encoding="utf-8")
    assert list(from_toml(tmp_path / "file.toml")) == [("name", "x")]
