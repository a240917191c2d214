from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from configs.reading import SettingsError
from service.answer_ids.answer_ids import AnswerId, AnswerIds, BadAnswerId
from service.answer_ids.keys import OneKey, key_file

PAGE = st.integers(0, 2**64 - 1)
SAID = st.builds(
    AnswerId,
    bundle=st.text(max_size=40),
    minted=st.just(1_000),
    page1=PAGE,
    url1=st.text(max_size=50),
    pages=st.lists(PAGE, max_size=30).map(tuple),
    experiment=st.text(max_size=20),
    arm=st.text(max_size=20),
    teams=st.lists(st.integers(-1, 1), max_size=30).map(tuple),
    propensities=st.lists(st.floats(0, 1, width=32), max_size=30).map(tuple),
    shuffled=st.booleans(),
)
FIVE = AnswerId("20250101T000000Z-0123abcd", 1_000, 7, "", (1, 2, 3, 4, 5))


class Clock:
    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def ids(key: bytes = b"secret", now: float = 1_000.0) -> AnswerIds:
    return AnswerIds(OneKey(key), max_age_s=100.0, clock=Clock(now))


@given(SAID)
def test_what_was_minted_is_read(said: AnswerId) -> None:
    assert ids().read(ids().mint(said)) == said


def test_an_id_is_compact_and_safe_in_a_url() -> None:
    minted = ids().mint(FIVE)
    assert len(minted) <= 140
    assert minted.replace("-", "").replace("_", "").isalnum()


@given(st.integers(0, 130), st.sampled_from("AZaz09-_=\n é"))
def test_a_changed_character_is_a_forgery(place: int, letter: str) -> None:
    minted = ids().mint(FIVE)
    changed = minted[:place] + letter + minted[place + 1 :]
    if changed != minted:
        with pytest.raises(BadAnswerId, match="forged"):
            ids().read(changed)


@pytest.mark.parametrize("bad", ["", "x", "=", "A" * 5_000, "\ud800", "ÄÖ"])
def test_what_was_never_minted_is_a_forgery(bad: str) -> None:
    with pytest.raises(BadAnswerId, match="forged"):
        ids().read(bad)


def test_another_spelling_of_an_id_is_a_forgery() -> None:
    minted = ids().mint(FIVE)
    for spelling in (minted + "=", minted + "\n", minted[:4] + "." + minted[4:]):
        with pytest.raises(BadAnswerId, match="forged"):
            ids().read(spelling)


def test_another_key_is_a_forgery() -> None:
    with pytest.raises(BadAnswerId, match="forged"):
        ids(b"other").read(ids().mint(FIVE))


def test_an_old_answer_is_stale_also_if_it_was_read_before() -> None:
    clock = Clock(1_000.0)
    reader = AnswerIds(OneKey(b"secret"), 100.0, clock)
    minted = reader.mint(FIVE)
    clock.now = 1_100.0
    assert reader.read(minted) == FIVE
    clock.now = 1_101.0
    with pytest.raises(BadAnswerId, match="stale"):
        reader.read(minted)


def test_the_first_key_signs_and_all_verify_until_their_line_goes(tmp_path: Path) -> None:
    old, new, file = "a" * 32, "b" * 32, tmp_path / "keys"
    file.write_text(f"{old}\n")
    clock = Clock(0.0)
    reader = AnswerIds(key_file(file, clock), 100.0, Clock(1_000.0))
    by_old = reader.mint(FIVE)
    file.write_text(f"{new}  # since today\n\n{old}\n")
    clock.now = 2.0
    by_new = reader.mint(FIVE)
    assert by_new != by_old
    assert reader.read(by_old) == reader.read(by_new) == FIVE
    file.write_text(f"{new}\n")
    clock.now = 4.0
    assert reader.read(by_new) == FIVE
    with pytest.raises(BadAnswerId, match="forged"):
        reader.read(by_old)


@pytest.mark.parametrize("text", ["", "# nothing\n", "short\n", "two words-of-more-than-thirty-two-characters\n"])
def test_a_bad_key_file_is_an_error_that_never_shows_a_key(tmp_path: Path, text: str) -> None:
    (tmp_path / "keys").write_text(text)
    with pytest.raises(SettingsError, match=r"feedback\.key_file") as error:
        key_file(tmp_path / "keys")
    assert "short" not in str(error.value)
    assert "thirty-two" not in str(error.value)


def test_while_the_file_cannot_be_read_the_keys_stay(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file, clock = tmp_path / "keys", Clock(0.0)
    file.write_text("a" * 32)
    reader = AnswerIds(key_file(file, clock), 100.0, Clock(1_000.0))
    minted = reader.mint(FIVE)
    file.unlink()
    clock.now = 2.0
    assert reader.read(minted) == FIVE
    assert "previous keys" in caplog.text
