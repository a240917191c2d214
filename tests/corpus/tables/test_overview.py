from __future__ import annotations

from pathlib import Path

import pytest

from corpus.schema import InputError
from corpus.tables.overview import Overview, overview

BASE = "https://brot.example"


@pytest.fixture
def found(tmp_path: Path) -> Overview:
    pages = ["url,title,snippet,language,published"]
    pages += [
        f"{BASE}/{n},Seite {n},{'Mehl und Wasser' if n else ''},de,{'2026-05-01' if n == 1 else ''}" for n in range(40)
    ]
    pages += [f"{BASE}/0/,Seite 0,,de,"]
    (tmp_path / "pages.csv").write_text("\n".join(pages))
    visits = [(0, n) for n in range(1, 20)] + [(0,)] * 10
    clicks = ["session,url,time,dwell_s"]
    clicks += [
        f"s{i},{BASE}/{n},2026-05-0{1 + i % 3}T09:0{k}:00Z," for i, v in enumerate(visits) for k, n in enumerate(v)
    ]
    clicks += [f"x,{BASE}/gone,2026-05-03T10:00:00Z,3"]
    (tmp_path / "clicks.csv").write_text("\n".join(clicks))
    return overview(tmp_path)


def test_pages(found: Overview) -> None:
    assert (found.pages, found.without_text, found.without_body, found.dated) == (40, 1, 40, 1)
    assert found.languages == {"de": 40}
    assert found.report.tables["pages"].rejected["another spelling"].count == 1


def test_sessions(found: Overview) -> None:
    assert (found.clicks, found.clicked_pages, found.sessions, found.single) == (48, 20, 29, 10)
    assert (found.median_length, found.longest, found.days, found.followed_pages) == (2, 2, 3, 20)


def test_a_page_that_is_reached_from_everywhere_is_a_hub(found: Overview) -> None:
    assert found.hubs == {f"{BASE}/0": pytest.approx(29 / 48)}


def test_the_share_of_the_log_that_joins(found: Overview) -> None:
    assert found.joined_share == pytest.approx(48 / 49)


def test_pages_with_a_text_in_the_table_knowledge(tmp_path: Path) -> None:
    (tmp_path / "pages.csv").write_text(f"url,title,snippet\n{BASE}/a,A,\n{BASE}/b,B,\n")
    (tmp_path / "knowledge.csv").write_text(f"url,text\n{BASE}/a,Ein Artikel.\n{BASE}/b, \n{BASE}/c,Von nichts\n")
    assert overview(tmp_path).with_knowledge == 1


def test_pages_alone(tmp_path: Path) -> None:
    (tmp_path / "pages.csv").write_text(f"url,title,snippet\n{BASE}/a,A,\n")
    found = overview(tmp_path)
    assert (found.clicks, found.sessions, found.median_length, found.days, found.joined_share) == (0, 0, 0, 0, None)


def test_no_tables(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no pages table"):
        overview(tmp_path)
