"""What `onward rules check` shows of a changed answer."""

from __future__ import annotations

from rich.console import Console

from cli.rules import changed_answer
from service.dry_run import Change


def test_urls_that_differ_at_their_ends_are_shown_to_the_end() -> None:
    page = "https://docs.example/3/library/a-long-way-to-the-page.html"
    console = Console(width=80, record=True)
    console.print(changed_answer(Change(f"{page}#now", (f"{page}#first",), (f"{page}#second",))))
    shown = "".join("".join(line.split()) for line in console.export_text().splitlines())
    assert "#first" in shown
    assert "#second" in shown


def test_a_url_with_brackets_is_shown_as_it_is() -> None:
    console = Console(width=200, record=True)
    console.print(changed_answer(Change("https://docs.example/[b]", ("https://docs.example/[i]",), ())))
    shown = console.export_text()
    assert "https://docs.example/[b]" in shown
    assert "https://docs.example/[i]" in shown
