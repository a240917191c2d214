"""The side effects of the gateway keep the rules."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from contracts.side_effect import SideEffectContract
from service.answers.counting import AnswerCounts, ComputationCounts
from service.answers.side_effects import SideEffect
from service.answers.unknown_pages import UnknownPageQueue
from service.metrics import Metrics
from store.unknown_pages import SqliteUnknownPages


@pytest.mark.parametrize("counts", [AnswerCounts, ComputationCounts])
class TestCounts(SideEffectContract):
    @pytest.fixture
    def effect(self, counts: type[AnswerCounts] | type[ComputationCounts]) -> SideEffect:
        return counts(Metrics())


class TestUnknownPageQueue(SideEffectContract):
    @pytest.fixture
    async def effect(self, tmp_path: Path) -> AsyncIterator[SideEffect]:
        queue = UnknownPageQueue(SqliteUnknownPages(tmp_path / "unknown.sqlite"))
        yield queue
        await queue.close()
