"""Values that exports have and tables do not: placeholders, decimals as IDs, entities, stray times."""

import csv
import io
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from corpus.tables.reader import read
from tests.corpus.tables.exports import (
    CLICKS,
    CSV,
    JSON,
    NINE,
    URLS,
    accounted,
    outcome,
    read_clicks,
    table,
)

PLACEHOLDERS = ["\\N", "NULL", "null", "NA", "None", "NaN", "nan", "nil", "n/a", "empty", "-", " "]


def test_a_lone_surrogate_loses_no_row(tmp_path: Path) -> None:
    cut = json.dumps("\U0001f600")[:7]
    rows = [f'{{"url": "{URLS[0]}", "title": "whole", "snippet": ""}}']
    rows += [f'{{"url": "{url}", "title": {cut} cut", "snippet": "\\ud83d\\ude00"}}' for url in URLS[1:]]
    clicks = {"clicks.jsonl": JSON}
    (tmp_path / "data").mkdir()
    for name, content in {"pages.jsonl": "\n".join(rows), **clicks}.items():
        (tmp_path / "data" / name).write_text(content)
    assert read(tmp_path / "data", tmp_path / "out").tables["pages"].kept == 5
    titles = {(row["title"], row["snippet"]) for row in table(tmp_path, "pages")}
    assert titles == {("whole", ""), ("\ufffd cut", "\U0001f600")}


def test_ids_may_be_decimals(tmp_path: Path) -> None:
    ids = pa.array([1, 1, 2], pa.decimal128(38, 0))
    (tmp_path / "data").mkdir()
    pq.write_table(
        pa.table({"session": ids, "url": URLS[:3], "time": [NINE] * 3}), tmp_path / "data" / "clicks.parquet"
    )
    assert outcome(tmp_path, {}).tables["clicks"].kept == 3
    assert len({row["session"] for row in table(tmp_path, "clicks")}) == 2


def test_placeholders_in_optional_columns_are_missing_values(tmp_path: Path) -> None:
    clicks = "session,url,time,dwell_s\n" + "".join(f"s,{URLS[0]},{NINE.isoformat()},{n}\n" for n in PLACEHOLDERS)
    pages = "url,title,snippet,language,published\n" + "".join(
        f"https://e.example/{i},Der Hund läuft über die Straße und bellt,{n},{n},{n}\n"
        for i, n in enumerate(PLACEHOLDERS)
    )
    report = outcome(tmp_path, {"clicks.csv": clicks}, pages)
    assert not any(part.rejected for part in report.tables.values())
    facts = table(tmp_path, "pages")
    assert len(facts) == len(PLACEHOLDERS)
    assert {(row["language"], row["published"], row["snippet"]) for row in facts} == {("de", None, "")}


def test_a_title_may_look_like_a_placeholder_but_a_session_may_not(tmp_path: Path) -> None:
    pages = "url,title,snippet\n" + "".join(f"{url},{t},x\n" for url, t in zip(URLS, PLACEHOLDERS, strict=False))
    clicks = f"session,url,time\nNULL,{URLS[0]},{NINE}\nna,{URLS[0]},{NINE}\n"
    part = outcome(tmp_path, {"clicks.csv": clicks}, pages).tables["clicks"]
    assert {row["title"] for row in table(tmp_path, "pages")} == set(PLACEHOLDERS[:5])
    assert (part.kept, part.rejected["missing required value"].count) == (1, 1)


def test_lower_case_na_is_the_language_nauruan(tmp_path: Path) -> None:
    outcome(tmp_path, {}, f"url,title,snippet,language\n{URLS[0]},x,,na\n{URLS[1]},y,,NA\n")
    assert sorted(row["language"] for row in table(tmp_path, "pages")) == ["", "na"]


def test_of_two_columns_with_one_name_the_exact_one_is_used(tmp_path: Path) -> None:
    rows = "".join(f"1,{s},nonsense,{u},{t.isoformat()},2\n" for s, u, t in CLICKS)
    part = read_clicks(tmp_path, content=f"x,session,URL,url,time,X\n{rows}")
    assert (part.kept, part.notes) == (10, ("clicks.csv: the columns 'URL' and 'url' are both 'url': using 'url'",))


def test_of_two_parquet_columns_with_one_name_the_exact_one_is_used(tmp_path: Path) -> None:
    session, url, time = (list(column) for column in zip(*CLICKS, strict=True))
    columns = [pa.array(session), pa.array(["no"] * 10), pa.array(url), pa.array(time), pa.array(url)]
    (tmp_path / "data").mkdir()
    file = tmp_path / "data" / "clicks.parquet"
    pq.write_table(pa.Table.from_arrays(columns, names=["session", "URL", "url", "time", "x"]), file)
    assert outcome(tmp_path, {}).tables["clicks"].kept == 10


def test_of_two_rows_for_a_page_one_is_kept(tmp_path: Path) -> None:
    x, y = URLS[:2]
    part = outcome(tmp_path, {}, f"url,title,snippet\n{x},x,\n{x},x,\n{y},y,\n").tables["pages"]
    assert (part.read, part.kept, part.rejected["duplicate"].count) == (3, 2, 1)


def test_entities_in_text_and_urls_are_decoded(tmp_path: Path) -> None:
    pages = "url,title,snippet\nhttps://e.example/?a=1&amp;b=2,Tom &amp; Jerry&#39;s,&amp;amp;\n"
    clicks = f"session,url,time\ns,https://e.example/?a=1&b=2,{NINE.isoformat()}\n"
    report = outcome(tmp_path, {"clicks.csv": clicks}, pages)
    [page] = table(tmp_path, "pages")
    assert (page["url"], page["title"], page["snippet"]) == ("https://e.example/?a=1&b=2", "Tom & Jerry's", "&amp;")
    assert report.tables["clicks"].kept == 1


def test_impressions_whose_ids_restart_on_each_page_stay_separate(tmp_path: Path) -> None:
    rows = [(i, url1, place) for i in range(3) for url1 in URLS for place in (1, 2)]
    lines = [f"{i},{NINE.isoformat()},{url1},{URLS[place]},{place},1" for i, url1, place in rows]
    files: dict[str, str | bytes] = {"impressions.csv": "\n".join([IMPRESSIONS, *lines])}
    part = outcome(tmp_path, files).tables["impressions"]
    written = table(tmp_path, "impressions")
    assert (part.kept, part.notes) == (30, ())
    assert len({row["impression"] for row in written}) == 15
    assert all(
        len({row["page1"] for row in written if row["impression"] == i}) == 1 for i in {written[0]["impression"]}
    )


def test_impressions_that_share_an_id_and_a_page_are_reported(tmp_path: Path) -> None:
    lines = [f"1,{NINE.isoformat()},{URLS[0]},{url2},1,1" for url2 in URLS[1:3]]
    part = outcome(tmp_path, {"impressions.csv": "\n".join([IMPRESSIONS, *lines])}).tables["impressions"]
    assert part.notes[0].startswith("impressions.csv: 1 of 1 impressions have more pages than positions")


IMPRESSIONS = "impression,time,url1,url2,position,clicked"


def test_stray_times_do_not_move_the_ends_of_the_log(tmp_path: Path) -> None:
    strays = "".join(f"z,{URLS[0]},{time}\n" for time in ("1970-01-01T00:00:00Z", "2031-01-01", "2999-01-01"))
    shown = f"{IMPRESSIONS}\n1,2099-01-01,{URLS[0]},{URLS[1]},1,1\n"
    report = outcome(tmp_path, {"clicks.csv": CSV + strays, "impressions.csv": shown})
    clicks, impressions = report.tables["clicks"], report.tables["impressions"]
    assert {reason: rows.count for reason, rows in clicks.rejected.items()} == {
        "stray time": 1,
        "time in the future": 2,
    }
    assert impressions.rejected["time in the future"].count == 1
    assert (clicks.first, clicks.last) == (CLICKS[0][2], CLICKS[-1][2])


ROW = st.lists(st.text(st.sampled_from('s,"; \n\r\\xé'), max_size=5), min_size=1, max_size=4)


@settings(max_examples=15, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(ROW, max_size=5), st.lists(st.text(st.sampled_from('s,"\\xé'), min_size=1, max_size=9), max_size=4))
def test_every_row_is_kept_or_rejected(tmp_path: Path, proper: list[list[str]], raw: list[str]) -> None:
    good = io.StringIO()
    csv.writer(good, lineterminator="\n").writerows(proper)
    lines = [*CSV.splitlines(), *(line for line in raw if line.strip())]
    part = read_clicks(tmp_path, content="\n".join([*lines, good.getvalue()]))
    assert accounted(part) == part.read >= 10
    assert part.kept == 10
