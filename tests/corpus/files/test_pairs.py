from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from corpus.files.pairs import PairFile, TextPair, fault, read_pairs
from corpus.schema import InputError

ROWS = {
    "url1": ["https://a.example/1", "https://a.example/2"],
    "title1": ["Fox, red", None],
    "snippet1": ["A  fox\n hunts.", "Two"],
    "url2": ["https://b.example/1", "https://b.example/2"],
    "title2": ["Wolf", "Bear"],
    "snippet2": ["", "Three"],
    "good": [True, False],
    "good_rate": [0.75, None],
}


def written(tmp_path: Path, ending: str) -> Path:
    path, table = tmp_path / f"pairs{ending}", pa.table(ROWS)
    if ending == ".parquet":
        pq.write_table(table, path)
    elif ending == ".csv":
        import pyarrow.csv

        pyarrow.csv.write_csv(table, path)
    else:
        table.to_pandas().to_json(path, orient="records", lines=True)
    return path


@pytest.mark.parametrize("ending", [".parquet", ".csv", ".jsonl"])
def test_every_format_gives_the_same_pairs(tmp_path: Path, ending: str) -> None:
    file = read_pairs(written(tmp_path, ending))
    first = TextPair("https://a.example/1", "Fox, red", "A fox hunts.", "https://b.example/1", "Wolf", "")
    assert file.pairs[0] == first
    assert file.pairs[1].title1 == ""
    assert file.labels.keys() == {"good", "good_rate"}
    np.testing.assert_array_equal(file.labels["good"], [1.0, 0.0])
    np.testing.assert_array_equal(file.labels["good_rate"], [0.75, np.nan])


def test_an_unreadable_row_keeps_its_position(tmp_path: Path) -> None:
    path = tmp_path / "pairs.jsonl"
    good = '{"url1": "https://a.example/", "title1": "A", "snippet1": "", "url2": "https://b.example/", "title2": "B"}'
    path.write_text(f'{good}\n[1, 2]\n{good[:-1]}, "snippet2": "C"}}\n')
    file = read_pairs(path)
    assert [fault(pair) for pair in file.pairs] == ["", "invalid URL", ""]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({}, ""),
        ({"title2": ""}, ""),
        ({"title2": "", "snippet2": ""}, "a page without text"),
        ({"url2": "ftp://b.example/"}, "invalid URL"),
        ({"url1": ""}, "invalid URL"),
    ],
)
def test_fault_says_why_a_pair_cannot_be_judged(changes: dict[str, str], reason: str) -> None:
    pair = TextPair("https://a.example/", "A", "a", "https://b.example/", "B", "b")
    assert fault(pair._replace(**changes)) == reason


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nowhere.csv", "is not a file"),
        ("pairs.txt", "unknown extension"),
        ("pairs.csv", "column 'snippet1' is missing"),
    ],
)
def test_an_invalid_file_is_one_clear_error(tmp_path: Path, name: str, message: str) -> None:
    for written_name in ("pairs.txt", "pairs.csv"):
        (tmp_path / written_name).write_text("url1,title1\n")
    with pytest.raises(InputError, match=message):
        read_pairs(tmp_path / name)


def test_a_file_without_rows_has_no_pairs(tmp_path: Path) -> None:
    (tmp_path / "pairs.csv").write_text(",".join(TextPair._fields) + "\n")
    assert read_pairs(tmp_path / "pairs.csv") == PairFile([], {})
