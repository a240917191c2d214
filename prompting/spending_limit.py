"""The spending limit: tokens are held before a call and settled after it, so that a run never exceeds it."""

from __future__ import annotations

import asyncio


class Spending:
    """Counts tokens against a limit. Only what a call may cost at most is let through."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.spent = 0
        self._held = 0
        self._settled = asyncio.Condition()

    async def hold(self, tokens: int) -> bool:
        """Hold `tokens` for a call; False when they go beyond the limit whatever the calls under way cost."""
        async with self._settled:
            await self._settled.wait_for(lambda: self._held == 0 or self._fits(tokens))
            if not self._fits(tokens):
                return False
            self._held += tokens
            return True

    async def settle(self, held: int, used: int) -> None:
        """Give back what was held and count what was used."""
        async with self._settled:
            self._held -= held
            self.spent += used
            self._settled.notify_all()

    def _fits(self, tokens: int) -> bool:
        return self.spent + self._held + tokens <= self.limit
