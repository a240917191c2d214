import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prompting.answer import Answer, ClassToken, Unanswered
from prompting.parse_scores import expected_class, mean_of_judges


def answer(text: str, shares: dict[str, float], **fields: object) -> Answer:
    """Return an answer whose last character is the score."""
    token = ClassToken(len(text.encode()) - 1, tuple((name, math.log(share)) for name, share in shares.items()))
    return Answer(text, classes=(token,), **fields)  # type: ignore[arg-type]


def test_prompt_a_gives_the_mean_of_five_judges() -> None:
    assert mean_of_judges(Answer("One says 4.\n**Scores:** 4, 3, 3, 2, 4")) == pytest.approx(3.2)


@pytest.mark.parametrize(
    "text",
    [
        "Scores: 4, 3, 3, 2",
        "Scores: 4, 3, 3, 2, 9",
        "Scores: 1, 2, 3, 4, 2.5",
        "good",
        "",
        "Scores: 0-4",
        "Scores: 4, 3, 3, 2, 4, 1",
    ],
)
def test_without_five_scores_a_pair_has_no_score(text: str) -> None:
    with pytest.raises(Unanswered, match="no five scores"):
        mean_of_judges(Answer(text))


def test_prompt_b_gives_the_expectation_over_the_classes() -> None:
    # 0·.01 + 1·.04 + 2·.15 + 3·.5 + 4·.3 = 3.04
    shares = {"3": 0.5, "4": 0.3, "2": 0.15, "1": 0.04, "0": 0.01}
    assert expected_class(answer("Final score: 3", shares)) == (pytest.approx(3.04), False)


def test_tokens_that_are_not_classes_are_ignored() -> None:
    # Of the classes' .8: (3·.6 + 1·.2) / .8 = 2.5; the three missing have at most 1 - 1 = 0.
    shares = {"3": 0.6, "1": 0.2, "three": 0.2}
    assert expected_class(answer("3", shares)) == (pytest.approx(2.5), True)


def test_a_class_with_a_leading_space_is_the_same_class() -> None:
    shares = {" 2": 0.4, "2": 0.2, " 4": 0.4}
    assert expected_class(answer("score: 2", shares))[0] == pytest.approx(2.8)


def test_only_the_last_score_counts_not_those_of_the_aspects() -> None:
    text = "T: close 4\nS: 4\nscore so far: 1\nFinal score: 2"
    tokens = tuple(ClassToken(text.rindex(digit), ((digit, 0.0),)) for digit in "12")
    assert expected_class(Answer(text, classes=tokens))[0] == 2.0


def test_a_repeated_scale_is_not_a_score() -> None:
    assert expected_class(answer("Final score (0-4): 3", {"3": 1.0}))[0] == 3.0
    assert mean_of_judges(Answer("Scores (0-4): 3, 3, 4, 3, 3")) == pytest.approx(3.2)


def test_text_before_the_score_may_be_in_any_script() -> None:
    assert expected_class(answer("Gründe: 狐と狼。\nFinal score: 3", {"3": 1.0}))[0] == 3.0


def test_a_missing_class_with_little_probability_is_reported() -> None:
    assert expected_class(answer("3", {"3": 0.95, "4": 0.046}))[1]


def test_a_missing_class_that_may_have_more_probability_is_not_guessed() -> None:
    with pytest.raises(Unanswered, match="a class is missing"):
        expected_class(answer("3", {"3": 0.6, "4": 0.3}))


@pytest.mark.parametrize(
    "text",
    [
        "Final score: 7",
        "Final score: 3.5",
        "Final score: 3/5",
        "a good page",
        "",
        "12",
        "Final score (0-4)",
        "score: 0-4",
    ],
)
def test_text_without_a_score_is_not_guessed(text: str) -> None:
    with pytest.raises(Unanswered, match="no score in the answer"):
        expected_class(answer(text or " ", {"3": 1.0}))


def test_a_score_without_log_probabilities_is_not_guessed() -> None:
    with pytest.raises(Unanswered, match="no log-probabilities"):
        expected_class(Answer("Final score: 3"))


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"refused": True}, "refused by the model"),
        ({"finish": "content_filter"}, "refused by the model"),
        ({"finish": "length"}, "answer cut off"),
    ],
)
def test_a_refused_or_truncated_answer_has_no_score(fields: dict[str, object], reason: str) -> None:
    with pytest.raises(Unanswered, match=reason):
        expected_class(answer("Final score: 3", {"3": 1.0}, **fields))
    with pytest.raises(Unanswered, match=reason):
        mean_of_judges(Answer("Scores: 1, 1, 1, 1, 1", **fields))  # type: ignore[arg-type]


@given(st.lists(st.floats(0.01, 1), min_size=5, max_size=5))
def test_a_score_is_between_0_and_4(weights: list[float]) -> None:
    shares = {str(value): weight / sum(weights) for value, weight in enumerate(weights)}
    value, missing = expected_class(answer("Final score: 0", shares))
    assert 0 <= value <= 4
    assert not missing


@given(st.text(max_size=80))
def test_no_text_breaks_the_parser(text: str) -> None:
    for read in (expected_class, mean_of_judges):
        try:
            read(Answer(text, classes=(ClassToken(0, (("3", 0.0),)),)))
        except Unanswered as unscored:
            assert unscored.reason


def test_answers_survive_a_json_round_trip() -> None:
    kept = answer("Final score: 3", {"3": 0.9, "4": 0.1}, tokens=12)
    assert Answer.from_json(kept.to_json()) == kept


def editors(*scores: object) -> str:
    listed = ", ".join(f'{{"opinion": "fine", "score": {score}}}' for score in scores)
    return f'{{"intent": "more", "editors": [{listed}]}}'


@pytest.mark.parametrize("around", ["{}", "```json\n{}\n```", "I think:\n{}\nThat is all."])
def test_the_editors_of_a_json_object_are_averaged(around: str) -> None:
    assert mean_of_judges(Answer(around.format(editors(4, 3, 3, 2, 4)))) == pytest.approx(3.2)
    assert mean_of_judges(Answer(around.format(editors('"4"', 3, 3, 2, 4)))) == pytest.approx(3.2)


@pytest.mark.parametrize("scores", [(4, 3, 3, 2), (4, 3, 3, 2, 5), (4, 3, 3, 2, "true"), (1, 2, 3, 4, 2.5), (1,) * 6])
def test_editors_without_five_whole_scores_are_no_score(scores: tuple[object, ...]) -> None:
    with pytest.raises(Unanswered, match="no five scores"):
        mean_of_judges(Answer(editors(*scores)))


def test_half_an_object_is_no_score() -> None:
    with pytest.raises(Unanswered, match="no five scores"):
        mean_of_judges(Answer(editors(4, 3, 3, 2, 4)[:-6]))


@pytest.mark.parametrize("written", ['"final_score": 2', '"final_score":2', '"final_score": "2'])
def test_the_final_score_of_a_json_object_counts(written: str) -> None:
    text = f'{{"T": {{"why": "close", "score": 4}}, {written}'
    tokens = tuple(ClassToken(text.rindex(digit), ((digit, 0.0),)) for digit in "42")
    assert expected_class(Answer(text, classes=tokens))[0] == 2.0
