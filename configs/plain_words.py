"""What is wrong with a value, in words of settings and requests: pydantic's own speak of Python's types."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_LIST, _OBJECT = "it must be a list", "it must be an object with named fields"

#: By the type of pydantic's error; filled in from its context.
_WORDS = {
    "missing": "it is missing",
    "missing_argument": "it is missing",
    "extra_forbidden": "it is unknown",
    "unexpected_keyword_argument": "it is unknown",
    "none_required": "it must be left out",
    "string_type": "it must be text",
    "string_sub_type": "it must be text",
    "string_unicode": "it must be text in UTF-8",
    "string_too_long": "it must have at most {max_length} characters",
    "string_too_short": "it must have at least {min_length} characters",
    "int_type": "it must be an integer",
    "int_parsing": "it must be an integer",
    "int_from_float": "it must be an integer",
    "int_parsing_size": "it must be an integer of fewer digits",
    "float_type": "it must be a number",
    "float_parsing": "it must be a number",
    "finite_number": "it must be a number that is not infinite",
    "greater_than": "it must be greater than {gt}",
    "greater_than_equal": "it must be greater than or equal to {ge}",
    "less_than": "it must be less than {lt}",
    "less_than_equal": "it must be less than or equal to {le}",
    "bool_type": "it must be true or false",
    "bool_parsing": "it must be true or false",
    "literal_error": "it must be {expected}",
    "enum": "it must be {expected}",
    "list_type": _LIST,
    "tuple_type": _LIST,
    "set_type": _LIST,
    "frozen_set_type": _LIST,
    "iterable_type": _LIST,
    "set_item_not_hashable": "it must be a list of plain values",
    "too_long": "it must have at most {max_length} entries",
    "too_short": "it must have at least {min_length} entries",
    "dict_type": _OBJECT,
    "mapping_type": _OBJECT,
    "model_type": _OBJECT,
    "model_attributes_type": _OBJECT,
    "dataclass_type": _OBJECT,
    "dataclass_exact_type": _OBJECT,
}


def problem(error: Mapping[str, Any]) -> str:
    """Return what one of pydantic's errors says, as `it must be an integer`; never what was given."""
    if (words := _WORDS.get(error["type"])) is not None:
        return words.format_map(error.get("ctx", {}))
    message = str(error["msg"]).removeprefix("Value error, ").removeprefix("Assertion failed, ")
    message = message.replace("Input should be", "it must be").replace("Input should", "it must")
    return message[:1].lower() + message[1:]


def place(loc: tuple[str | int, ...]) -> str:
    """Return where the value stands: `block.urls[3]`."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in loc).removeprefix(".")


def example(value: Any) -> str:
    """Return a value as it is written in a TOML file; an empty list with words in it, to show its form."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(value, list | tuple | set | frozenset):
        return f"[{', '.join(example(part) for part in sorted(value) or ('one', 'two'))}]"
    return str(value)
