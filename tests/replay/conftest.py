"""A small real gateway over HTTP."""

from tests.service.conftest import make, served

__all__ = ["make", "served"]
