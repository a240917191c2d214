from __future__ import annotations

from evaluation.reports.build_report import html, scalars

METRICS = {
    "read": {"pages": 3, "title": "<b>"},
    "student": {"pool": 9, "curve": {"step": [1.0, 2.0], "click": [0.7, 0.5], "quality": [1.6, 1.2]}},
    "teachers": {"curves": {"click": {"step": [1.0], "click": [0.6]}, "quality": {}}},
}


def test_every_trained_model_has_a_loss_plot() -> None:
    page = html("bundle", METRICS)
    assert page.count("<svg") == 2  # the student's two losses are in one plot; the quality teacher was not trained
    assert page.count("<polyline") == 3
    assert "http" not in page


def test_figures_are_listed_and_escaped() -> None:
    page = html("bundle", METRICS)
    assert "<td>pages</td><td>3</td>" in page
    assert "&lt;b&gt;" in page
    assert scalars(METRICS["student"]) == {"pool": 9}
