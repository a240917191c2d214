from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ToyConfig:
    pages: int = 20  # a row
