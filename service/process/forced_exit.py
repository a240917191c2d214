"""Forces the process to exit even if threads hang; Python would wait forever for threads of concurrent.futures."""

from __future__ import annotations

import logging
import os
import sys
import threading
import time

log = logging.getLogger(__name__)


def exit_within(seconds: float) -> None:
    """End the process after `seconds`, whatever still runs, unless it has ended by then."""
    timer = threading.Timer(seconds, exit_now, args=("the shutdown took too long",))
    timer.daemon = True
    timer.start()


def exit_despite_hanging_threads(seconds: float) -> None:
    """Wait up to `seconds` for threads to finish, then end the process even if some hang in native code."""
    until = time.monotonic() + seconds
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and not thread.daemon:
            thread.join(max(0.0, until - time.monotonic()))
            if thread.is_alive():
                exit_now(f"thread {thread.name} hangs")


def exit_now(why: str) -> None:
    """End the process now, whatever still runs."""
    log.warning("exiting immediately: %s", why)
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)
