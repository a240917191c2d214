from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpus.imports.json_elements import BrokenJson, elements

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(alphabet='ab"\\[]{},:é\n'),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(alphabet='"\\]}a'), inner, max_size=3),
)
OBJECTS = st.lists(st.dictionaries(st.text(alphabet='"\\]}a'), VALUES, max_size=3), max_size=5)


def chunked(data: bytes, size: int) -> Iterator[bytes]:
    return (data[at : at + size] for at in range(0, len(data), size))


@given(OBJECTS, st.integers(1, 9), st.booleans())
def test_cut_anywhere_gives_the_elements(values: list[dict], size: int, in_array: bool) -> None:
    text = json.dumps(values) if in_array else "\n".join(map(json.dumps, values))
    found = list(elements(chunked(text.encode(), size), in_array, 1 << 20))
    assert [json.loads(element or b"") for element in found] == values


@given(OBJECTS, st.integers(1, 9))
def test_an_element_that_is_too_long_costs_itself(values: list[dict], size: int) -> None:
    values = [{"long": 'x\\"]' * 30}, *values, {"long": ["\\"] * 30}]
    found = list(elements(chunked(json.dumps(values).encode(), size), True, 100))
    assert len(found) == len(values)
    assert found[0] is found[-1] is None


def test_scalars_between_elements_are_told() -> None:
    assert list(elements([b'[1, 2, {"a": 1}, "x"] [{}]'], True, 100)) == [b"1, 2", b'{"a": 1}', b'"x"', b"{}"]


def test_scalars_that_are_too_long_cost_no_element() -> None:
    found = list(elements(chunked(b'[{"a": 1}, ' + b"1, " * 99 + b'{"b": 2}]', 7), True, 100))
    assert found == [b'{"a": 1}', None, b'{"b": 2}']


def test_an_element_that_no_parser_takes_costs_itself() -> None:
    deep = b"[" * 1_500 + b"]" * 1_500
    assert list(elements([b"[" + deep + b', {"a": 1}]'], True, 1 << 20)) == [deep, b'{"a": 1}']


@pytest.mark.parametrize(
    "text", [b'[{"a": 1', b'[{"a": [1}]', b'[{}, "open', b"]", b"[" * 1_001, b"[" * (1 << 21), b"[{}"]
)
def test_brackets_that_do_not_match(text: bytes) -> None:
    with pytest.raises(BrokenJson):
        list(elements([text], True, 100))
