"""The spending limit: tokens are reserved before a call and settled after it, so that a run never exceeds it."""

from __future__ import annotations

import asyncio


class Spending:
    """Counts tokens against a limit; a call starts only if its maximum cost fits."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.spent = 0
        self._reserved = 0
        self._settled = asyncio.Condition()

    async def reserve(self, tokens: int) -> bool:
        """Reserve `tokens` for a call, if necessary once running calls have settled; False if they do not fit."""
        async with self._settled:
            await self._settled.wait_for(lambda: self._reserved == 0 or self._fits(tokens))
            if not self._fits(tokens):
                return False
            self._reserved += tokens
            return True

    async def settle(self, reserved: int, used: int) -> None:
        """Release the reservation and count the tokens used."""
        async with self._settled:
            self._reserved -= reserved
            self.spent += used
            self._settled.notify_all()

    def _fits(self, tokens: int) -> bool:
        return self.spent + self._reserved + tokens <= self.limit
