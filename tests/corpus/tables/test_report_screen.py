"""The printed report on rejected rows, and when the build stops."""

from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from corpus.schema import InputError
from corpus.tables.report import Rejected, Report, TableReport
from corpus.tables.report_screen import check, show


def report(rejected: dict[str, int], read: int = 100, notes: tuple[str, ...] = ()) -> Report:
    reasons = {
        reason: Rejected(count, (f'row 1, url: {{"url":"[x] {reason}"}}',)) for reason, count in rejected.items()
    }
    table = TableReport("clicks.csv", read, read - sum(rejected.values()), rejected=reasons, notes=notes)
    return Report({"clicks": table}, ("clicks.xlsx is ignored",))


def screen(of: Report) -> str:
    out = StringIO()
    show(of, Console(file=out, width=160))
    return out.getvalue()


def test_reasons_shares_examples_and_hints_are_shown() -> None:
    text = screen(report({"unknown page": 20, "bad time": 1}, notes=("clicks.csv: a note",)))
    for part in ("clicks.xlsx is ignored", "a note", "unknown page", "20", "20.0 %", "[x] unknown", "on another host"):
        assert part in text


@pytest.mark.parametrize(("count", "warned"), [(5, False), (6, True)])
def test_more_than_five_percent_rejected_is_a_warning(count: int, warned: bool) -> None:
    assert (f"clicks: {count} of 100 rows" in screen(report({"unknown page": count}))) == warned


def test_more_rejected_than_the_setting_is_an_error_with_reasons_example_and_fix() -> None:
    check(report({"unknown page": 50}), 0.5, Path("rejected.jsonl"))
    check(report({"unknown page": 90}), 1.0, Path("rejected.jsonl"))
    with pytest.raises(InputError) as error:
        check(report({"unknown page": 51}), 0.5, Path("rejected.jsonl"))
    for part in ("51 of 100 rows (51.0 %)", "unknown page: 51", "row 1, url", "read.most_rejected=1", "rejected.jsonl"):
        assert part in str(error.value)


def test_duplicates_and_robots_do_not_count_as_lost() -> None:
    part = report({"duplicate": 60, "session too long": 30, "bad time": 5})
    assert part.tables["clicks"].lost_share == 0.05
    check(part, 0.5, Path("rejected.jsonl"))


def test_nothing_is_printed_for_a_clean_table() -> None:
    assert screen(Report({"clicks": TableReport("clicks.csv", 9, 9)})) == ""


@pytest.mark.parametrize(("kept", "told"), [(0, True), (1, False)])
def test_a_table_that_begins_after_until_is_named(kept: int, told: bool) -> None:
    text = screen(Report({"clicks": TableReport("clicks.csv", 9, kept, later=9 - kept)}))
    assert ("clicks: no row of 9 is before --until" in text) == told
