from collections.abc import Iterator

import pytest
from search_endpoint import Server, serving


@pytest.fixture
def server() -> Iterator[Server]:
    """A search provider on this machine."""
    with serving() as running:
        yield running
