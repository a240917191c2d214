from collections.abc import Iterator

import pytest
from llm_endpoint import Server, serving


@pytest.fixture
def server() -> Iterator[Server]:
    """A local endpoint of a language model."""
    with serving() as running:
        yield running
