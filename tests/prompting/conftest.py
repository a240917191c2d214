from collections.abc import Iterator

import pytest
from llm_endpoint import Server, serving


@pytest.fixture
def server() -> Iterator[Server]:
    """A language model's endpoint on this machine."""
    with serving() as running:
        yield running
