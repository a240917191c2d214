"""The small gateway of the service's tests, for the commands that serve."""

from tests.service.conftest import make, served

__all__ = ["make", "served"]
