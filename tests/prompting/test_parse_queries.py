import json
from collections import Counter

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from prompting.answer import Answer, Unanswered
from prompting.parse_queries import ScoredQuery, queries

FOX = {"query": "red fox diet", "relevance": 0.9}
OWL = {"query": "owls that hunt foxes", "relevance": 0.4}
READ = [ScoredQuery("red fox diet", 0.9), ScoredQuery("owls that hunt foxes", 0.4)]
LIST = json.dumps([FOX, OWL])


@pytest.mark.parametrize(
    "text",
    [
        LIST,
        f"About: foxes.\nQueries: {LIST}",
        f"About: [Verse 1] and {{x}}, see [1].\nQueries:\n```json\n{LIST}\n```\nI hope these help.",
        json.dumps({"about": "foxes", "queries": [FOX, OWL]}, indent=2),
        f"{json.dumps(FOX)}\n{json.dumps(OWL)}",
        f"[{json.dumps(FOX)}, {json.dumps(OWL)},]",
        f'[{{"query": "red fox diet", "relevance": 0.9,}}, {json.dumps(OWL)},]',
        LIST.replace("red fox diet", "red\nfox\tdiet"),
        LIST.replace("query", "Query").replace("relevance", "RELEVANCE"),
        f'{{"Queries": {LIST}}}',
        f'Pages about "foxes": [1], and ```JSON\n{LIST[:-1]},\n]\n```',
        f"A first try: {json.dumps([OWL])}\nBetter: {LIST}",
    ],
    ids=[
        "bare",
        "after words",
        "fenced",
        "in an object",
        "lines",
        "trailing comma",
        "in objects",
        "line breaks",
        "capitals",
        "a capital list",
        "all of it",
        "the last of two",
    ],
)
def test_the_list_is_found_anywhere_in_the_answer(text: str) -> None:
    assert queries(Answer(text)) == (READ, Counter())


@pytest.mark.parametrize(
    "text",
    [
        "N/A", '"N/A"', "n/a.", "[]", '["N/A"]', "About: nothing; a login page.\nQueries: N/A", "```\nN/A\n```",
        "About: nothing. Queries: **N/A**", '{"queries": "N/A"}',
        '{"queries": []}', '[{"query": "N/A", "relevance": 0}]',
    ],
)  # fmt: skip
def test_n_a_gives_an_empty_list(text: str) -> None:
    assert queries(Answer(text))[0] == []


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Here are some ideas: foxes, owls.", "no list of queries"),
        ("", "no list of queries"),
        ("[1, 2, 3]", "no list of queries"),
        ("[[[", "no list of queries"),
        ('[{"query": "half a li', "no list of queries"),
        ('["red fox diet"]', "no usable query"),
        ('[{"query": 5, "relevance": 1}]', "no usable query"),
        ('{"error": "busy"}', "no usable query"),
        (f"{LIST}\nN/A", "both queries and N/A"),
    ],
)
def test_an_answer_that_is_not_a_list_of_queries_is_unanswered(text: str, reason: str) -> None:
    with pytest.raises(Unanswered, match=reason):
        queries(Answer(text))


@pytest.mark.parametrize(
    ("fields", "reason"), [({"refused": True}, "refused by the model"), ({"finish": "length"}, "answer cut off")]
)
def test_a_refused_or_truncated_answer_has_no_queries(fields: dict[str, object], reason: str) -> None:
    with pytest.raises(Unanswered, match=reason):
        queries(Answer(LIST, **fields))  # type: ignore[arg-type]


@pytest.mark.parametrize(("given", "read"), [("0.8", 0.8), ("80%", 0.8), (" .5 ", 0.5), (1, 1.0), (0, 0.0)])
def test_an_unambiguous_relevance_is_normalized(given: object, read: float) -> None:
    assert queries(Answer(json.dumps([{"query": "foxes", "relevance": given}])))[0] == [ScoredQuery("foxes", read)]


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ({"query": "foxes", "relevance": 8}, "relevance outside 0 to 1"),
        ({"query": "foxes", "relevance": -0.1}, "relevance outside 0 to 1"),
        ({"query": "foxes", "relevance": True}, "relevance outside 0 to 1"),
        ({"query": "foxes", "relevance": float("nan")}, "relevance outside 0 to 1"),
        ({"query": "foxes", "relevance": "high"}, "relevance outside 0 to 1"),
        ({"query": "foxes", "relevance": [0.5]}, "relevance outside 0 to 1"),
        ({"query": "foxes"}, "no relevance"),
        ("foxes", "no relevance"),
        ({"query": " \u200b ", "relevance": 1}, "empty query"),
        ({"query": ["foxes"], "relevance": 1}, "not a query"),
        ({"text": "foxes", "relevance": 1}, "not a query"),
        ([FOX], "not a query"),
        (None, "not a query"),
        ({"query": "N/A", "relevance": 0}, "N/A among queries"),
    ],
)
def test_an_ambiguous_entry_is_skipped_and_counted(entry: object, reason: str) -> None:
    assert queries(Answer(json.dumps([FOX, entry, OWL]))) == (READ, Counter({reason: 1}))


def test_control_characters_and_line_ends_in_a_query_are_cleaned() -> None:
    text = json.dumps([{"query": " red\n\u202efox\ud83d\x00 ", "relevance": 1}])
    assert queries(Answer(text))[0] == [ScoredQuery("red fox", 1.0)]


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["query", "relevance", "queries"]), inner)
    ),
)


@given(JUNK)
@example([["[" * 50]])
def test_no_json_breaks_the_parser(junk: object) -> None:
    try:
        found, _ = queries(Answer(json.dumps(junk)))
    except Unanswered as unanswered:
        assert unanswered.reason
    else:
        assert all(query.text and 0 <= query.relevance <= 1 for query in found)


@given(st.text(st.sampled_from('[]{}",:n/aqueryN/A0159.-\\ \n'), max_size=60))
@example("[" * 20_000)
@example('{"a":' * 3_000)
@example("[" + "9" * 5_000 + "]")
def test_no_text_breaks_the_parser(text: str) -> None:
    try:
        queries(Answer(text))
    except Unanswered as unanswered:
        assert unanswered.reason
