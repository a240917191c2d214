"""How a value is shown in a table of the terminal."""

from __future__ import annotations

from typing import Any


def shown_text(value: Any) -> str:
    """Return a value as text without markup; a fraction with four digits."""
    from rich.markup import escape

    return escape(f"{value:.4g}" if isinstance(value, float) else str(value))
