from __future__ import annotations

from pathlib import Path

from segments_of_events import lines, row

from corpus.events.write import read_lines, write
from evaluation.off_policy.log import read_log


def test_impressions_of_a_unit_and_those_of_a_page_without_units_are_clusters(tmp_path: Path) -> None:
    def shown(number: int, unit: str | None, page: int, hour: int) -> dict:
        made = {"unit": unit, "url1": f"https://a.example/{page}", "time": f"2026-11-26T{hour:02}:00:00Z"}
        return row(number, urls=["https://a.example/9"], propensities=[0.5], **made)

    events = [shown(0, "u", 1, 9), shown(1, "u", 2, 15), shown(2, None, 1, 9), shown(3, None, 1, 15)]
    write(tmp_path / "events.parquet", read_lines(lines(*events)))
    first, second, third, fourth = read_log(tmp_path).cluster.tolist()
    assert first == second != third == fourth
