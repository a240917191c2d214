"""Tells errors that a user can mend from bugs."""

from __future__ import annotations


def one_line(error: Exception) -> str | None:
    """Return what to tell the user, or None for an error that deserves its traceback."""
    from redis.exceptions import RedisClusterException, RedisError

    from configs.reading import SettingsError
    from corpus.schema import InputError
    from corpus.url import InvalidURL
    from service.server import ServeError
    from store.bundle import BundleError
    from store.redis_url import RedisUrlError
    from store.room import DiskFullError

    mendable = BundleError | DiskFullError | InputError | InvalidURL | RedisUrlError | ServeError | SettingsError
    if isinstance(error, mendable):
        return f"onward: {error}"
    if isinstance(error, RedisError | RedisClusterException):
        return f"onward: Redis: {error}"
    if isinstance(error, FileNotFoundError | PermissionError | IsADirectoryError | NotADirectoryError):
        return f"onward: {error.filename}: {error.strerror}"
    return None
