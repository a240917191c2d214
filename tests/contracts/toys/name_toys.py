"""A pytest plug-in: the report of each test names the toy that it ran on, and the rules that the toy should break."""

from __future__ import annotations

import pytest


def pytest_collection_modifyitems(items: list[pytest.Function]) -> None:
    for item in items:
        toy = item.callspec.params["toy"]
        item.user_properties += [("toy", toy.__name__), ("breaks", toy.breaks)]
