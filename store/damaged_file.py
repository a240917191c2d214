"""Names a file that this project wrote and can no longer read, such as one that a power failure cut."""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from configs.reading import SettingsError

_UNREADABLE = (ValueError, RuntimeError, LookupError, EOFError, zipfile.BadZipFile, pickle.UnpicklingError)


@contextmanager
def whole(file: Path, *errors: type[Exception]) -> Iterator[None]:
    """Raise SettingsError where reading `file` shows damage; `errors` are a library's own."""
    try:
        yield
    except SettingsError:
        raise
    except _UNREADABLE + errors as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise SettingsError(f"{file} is damaged ({reason}): delete it, and run the same command again") from error
