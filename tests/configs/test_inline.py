from __future__ import annotations

import asyncio
import threading

import pytest

from configs.inline import Inline


async def test_a_call_runs_in_the_thread_that_submits_it() -> None:
    found = await asyncio.get_running_loop().run_in_executor(Inline(), threading.get_ident)
    assert found == threading.get_ident()


async def test_an_error_reaches_who_awaits_it() -> None:
    with pytest.raises(ZeroDivisionError):
        await asyncio.get_running_loop().run_in_executor(Inline(), lambda: 1 / 0)


def test_an_exit_is_kept_as_a_pool_keeps_it() -> None:
    future = Inline().submit(exit, 3)
    assert isinstance(future.exception(), SystemExit)
