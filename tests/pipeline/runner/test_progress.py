from collections.abc import Iterator

from pytest import CaptureFixture
from rich.progress import Progress

from pipeline.runner.progress import Lines, RateColumn, progress


def shown(total: int, calls: list[tuple[float, int]]) -> list[str]:
    """Return the lines of work that tells at `seconds` how much is done."""
    times: Iterator[float] = iter([0.0, *(seconds for seconds, _ in calls)])
    written: list[str] = []
    lines = Lines("training", total, written.append, lambda: next(times))
    for _, done in calls:
        lines.show(done)
    return [" ".join(line.split()) for line in written]


def test_a_line_every_ten_seconds_tells_rate_and_time_left() -> None:
    calls = [(float(second), 5 * second) for second in range(1, 26)]
    assert shown(1_000, calls) == [
        "training 50/1,000 (5 %) 5.0/s 3 min 10 s left",
        "training 100/1,000 (10 %) 5.0/s 3 min 0 s left",
    ]


def test_a_first_part_that_is_large_and_slow_to_start_tells_no_rate() -> None:
    assert shown(6_211, [(11.0, 1_024), (43.0, 2_048)]) == [
        "training 1,024/6,211 (16 %) time left unknown",
        "training 2,048/6,211 (32 %) 32.0/s 2 min 10 s left",
    ]


def test_more_than_all_leaves_no_time_and_less_than_before_tells_no_rate() -> None:
    assert shown(10, [(1.0, 1), (11.0, 12)]) == ["training 12/10 (120 %) 1.1/s 0 s left"]
    assert shown(10, [(1.0, 5), (11.0, 2)]) == ["training 2/10 (20 %) time left unknown"]


def test_slow_work_is_counted_per_minute() -> None:
    assert shown(10, [(30.0, 1), (60.0, 2)])[-1] == "training 2/10 (20 %) 2.0/min 4 min 0 s left"


def test_what_a_killed_run_has_done_is_no_part_of_the_rate() -> None:
    assert shown(1_000, [(1.0, 901), (10.0, 910)]) == ["training 910/1,000 (91 %) 1.0/s 1 min 30 s left"]


def test_short_work_prints_nothing(capsys: CaptureFixture[str]) -> None:
    with progress("training", 3) as advance:
        for done in (1, 2, 3):
            advance(done)
    assert capsys.readouterr().err == ""


def test_a_bar_shows_the_rate_once_it_is_known() -> None:
    now = [0.0]
    bar = Progress(get_time=lambda: now[0])
    bar.add_task("training", total=100)
    (task,) = bar.tasks
    assert RateColumn().render(task).plain == ""
    for now[0], done in ((1.0, 10), (2.0, 20), (3.0, 30)):
        bar.update(task.id, completed=done)
    assert RateColumn().render(task).plain == "10.0/s"
