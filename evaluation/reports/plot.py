"""Draws curves as inline SVG, which needs no library and no network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 720, 460
_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 20, 20, 55
_COLOURS = ("#1f6fb2", "#c2571a", "#2e8b57", "#7a4fa3", "#8a8a2a")
_TICKS = 6


@dataclass(frozen=True, slots=True)
class Curve:
    """Points in the order in which they are connected, with a label per point, shown on hover."""

    name: str
    x: Sequence[float]
    y: Sequence[float]
    labels: Sequence[str]


@dataclass(frozen=True, slots=True)
class Mark:
    """A point with a ring around it and text next to it."""

    x: float
    y: float
    text: str


def plot(curves: Sequence[Curve], x_title: str, y_title: str, marks: Sequence[Mark] = ()) -> str:
    """Return an `<svg>` of the curves, with axes, a legend and the marks. Raises ValueError without a point."""
    horizontal = _Axis.over([x for curve in curves for x in curve.x], _LEFT, WIDTH - _RIGHT)
    vertical = _Axis.over([y for curve in curves for y in curve.y], HEIGHT - _BOTTOM, _TOP)
    parts = [
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" role="img" font-family="sans-serif" font-size="12">',
        *_grid(horizontal, vertical, x_title, y_title),
        *(line for number, curve in enumerate(curves) for line in _curve(curve, number, horizontal, vertical)),
        *(line for mark in marks for line in _mark(mark, horizontal, vertical)),
        "</svg>",
    ]
    return "\n".join(parts)


@dataclass(frozen=True, slots=True)
class _Axis:
    """Maps values to pixels."""

    low: float
    high: float
    start: float
    end: float

    @classmethod
    def over(cls, values: Sequence[float], start: float, end: float) -> _Axis:
        low, high = min(values), max(values)
        margin = 0.06 * (high - low) or abs(high) * 0.05 or 1.0
        return cls(low - margin, high + margin, start, end)

    def at(self, value: float) -> float:
        return round(self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start), 1)

    def ticks(self) -> list[float]:
        return [self.low + (self.high - self.low) * i / (_TICKS - 1) for i in range(_TICKS)]


def _grid(horizontal: _Axis, vertical: _Axis, x_title: str, y_title: str) -> list[str]:
    lines = []
    for value in horizontal.ticks():
        x = horizontal.at(value)
        lines.append(f'<line x1="{x}" y1="{_TOP}" x2="{x}" y2="{HEIGHT - _BOTTOM}" stroke="#ddd"/>')
        lines.append(f'<text x="{x}" y="{HEIGHT - _BOTTOM + 16}" text-anchor="middle">{value:.4g}</text>')
    for value in vertical.ticks():
        y = vertical.at(value)
        lines.append(f'<line x1="{_LEFT}" y1="{y}" x2="{WIDTH - _RIGHT}" y2="{y}" stroke="#ddd"/>')
        lines.append(f'<text x="{_LEFT - 6}" y="{y + 4}" text-anchor="end">{value:.4g}</text>')
    middle = (_TOP + HEIGHT - _BOTTOM) / 2
    turned = f'transform="rotate(-90 16 {middle})"'
    lines.append(f'<text x="{WIDTH / 2}" y="{HEIGHT - 12}" text-anchor="middle">{escape(x_title)}</text>')
    lines.append(f'<text x="16" y="{middle}" text-anchor="middle" {turned}>{escape(y_title)}</text>')
    return lines


def _curve(curve: Curve, number: int, horizontal: _Axis, vertical: _Axis) -> list[str]:
    colour = _COLOURS[number % len(_COLOURS)]
    places = [(horizontal.at(x), vertical.at(y)) for x, y in zip(curve.x, curve.y, strict=True)]
    path = " ".join(f"{x},{y}" for x, y in places)
    y = HEIGHT - _BOTTOM - 12 - 16 * number
    return [
        f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.5"/>',
        *(
            f'<circle cx="{x}" cy="{y}" r="3" fill="{colour}"><title>{escape(label)}</title></circle>'
            for (x, y), label in zip(places, curve.labels, strict=True)
        ),
        f'<circle cx="{_LEFT + 14}" cy="{y}" r="4" fill="{colour}"/>',
        f'<text x="{_LEFT + 24}" y="{y + 4}">{escape(curve.name)}</text>',
    ]


def _mark(mark: Mark, horizontal: _Axis, vertical: _Axis) -> list[str]:
    x, y = horizontal.at(mark.x), vertical.at(mark.y)
    anchor, shift = ("end", -12) if x > WIDTH / 2 else ("start", 12)
    return [
        f'<circle cx="{x}" cy="{y}" r="8" fill="none" stroke="#111" stroke-width="1.5"/>',
        f'<text x="{x + shift}" y="{y - 8}" text-anchor="{anchor}" font-weight="bold">{escape(mark.text)}</text>',
    ]
