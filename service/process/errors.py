"""Separates errors that the user can fix from bugs."""

from __future__ import annotations

import errno
import sqlite3

#: What the path that a user gave is to blame for.
_OF_A_PATH = frozenset(
    {errno.ENOENT, errno.EACCES, errno.EPERM, errno.EISDIR, errno.ENOTDIR, errno.EROFS, errno.ENAMETOOLONG, errno.ELOOP}
)


def one_line(error: Exception) -> str | None:
    """Return the message for the user, or None for a bug, whose traceback is needed."""
    from configs.reading import SettingsError

    if isinstance(error, SettingsError):  # first: the modules below import the settings, which may be what failed
        return f"onward: {error}"

    from redis.exceptions import RedisClusterException, RedisError

    from corpus.schema import InputError
    from corpus.urls.url import InvalidURL
    from service.events.sink import SinkDown
    from service.process.server import ServeError
    from service.rules.reading import RulesError
    from store.bundle import BundleError
    from store.disk_space import DiskFullError
    from store.redis.url import RedisUrlError

    fixable = BundleError | DiskFullError | InputError | InvalidURL | RedisUrlError | RulesError | ServeError
    if isinstance(error, fixable | sqlite3.Error):
        return f"onward: {error}"
    if isinstance(error, SinkDown):
        return f"onward: the sink takes no events: {error}"
    if isinstance(error, RedisError | RedisClusterException):
        return f"onward: Redis: {error}"
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        fix = "free some space, and run the same command again"
        return f"onward: {error.filename or 'a disk'}: {error.strerror}: {fix}"
    if isinstance(error, OSError) and error.filename and error.errno in _OF_A_PATH:
        return f"onward: {error.filename}: {error.strerror}"
    return None
