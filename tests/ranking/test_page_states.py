from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import BertConfig, BertModel

from ranking.cross_encoder.export import export_pair_model
from ranking.cross_encoder.model import CrossEncoder
from ranking.cross_encoder.page_model import PageModel
from ranking.cross_encoder.page_states import COLUMNS, KEYS, STARTS, STATES, PageStates, write
from ranking.cross_encoder.pairs import PAGES, open_pair_model
from ranking.cross_encoder.state_codes import PlainStates, StateCodes
from text_model.pair_encoder import PairEncoder
from text_model.session import OnnxModel
from text_model.tokens import Marks

MARKS, WIDTH = Marks(1, 2, 1), 16
TOKENS = [np.array(ids, np.uint32) for ids in ([10, 11, 12], [20, 21], [30], [40, 41, 42, 43], [50] * 12)]


def model_files(path: Path, layers: int, joint_layers: int) -> Path:
    torch.manual_seed(0)
    shape = BertConfig(
        vocab_size=2000, hidden_size=WIDTH, num_hidden_layers=layers, num_attention_heads=2, intermediate_size=32,
        attn_implementation="eager",
    )  # fmt: skip
    encoder = PairEncoder(BertModel(shape).eval(), joint_layers)
    export_pair_model(CrossEncoder(encoder).eval(), path, int8=False)
    return path


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return model_files(tmp_path_factory.mktemp("exported"), layers=3, joint_layers=2)


@pytest.fixture
def directory(exported: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(exported, tmp_path / "cross_encoder"))


def written(directory: Path, pages: list[np.ndarray], most_tokens: int = 1_000) -> int:
    most_bytes = most_tokens * WIDTH * 2
    return write(directory, pages, OnnxModel(directory / PAGES), MARKS, most_bytes, lambda done: None)


def asked(directory: Path, pages: list[np.ndarray]) -> list[np.ndarray | None]:
    return PageStates(directory).get_many([page.tobytes() for page in pages])


def unpacked(form: PlainStates | StateCodes, pages: list[np.ndarray]) -> list[np.ndarray]:
    """Return the states of packed pages without padding, on the scale of the model's."""
    states, masks = form.padded(pages)
    own_mean, own_deviation, mean, deviation = form.columns
    states[:, 1:] = states[:, 1:] * deviation + mean
    states[:, 0] = states[:, 0] * own_deviation + own_mean
    return [page[mask > 0] for page, mask in zip(states, masks, strict=True)]


def exact(directory: Path, pages: list[np.ndarray]) -> list[np.ndarray]:
    return PageModel(OnnxModel(directory / PAGES), MARKS).run(pages)


def test_stored_states_match_the_model(directory: Path) -> None:
    assert written(directory, TOKENS) == len(TOKENS)
    for page, states, alone in zip(TOKENS, asked(directory, TOKENS), exact(directory, TOKENS), strict=True):
        assert states is not None
        assert states.shape == (len(page) + 2, WIDTH)
        assert np.abs(states - alone).max() < 5e-3


def test_a_page_stored_in_the_build_is_not_computed_again(directory: Path) -> None:
    before = open_pair_model(directory, MARKS).run(TOKENS[:1], TOKENS[1:])
    written(directory, TOKENS)
    model = open_pair_model(directory, MARKS)
    model._pages._model = None  # computing a page would now fail
    for stored, read in zip(model.run(TOKENS[:1], TOKENS[1:]), before, strict=True):
        assert stored == pytest.approx(read, abs=2e-3)


def test_other_pages_are_computed_on_demand(directory: Path) -> None:
    before = open_pair_model(directory, MARKS).run(TOKENS[:1], TOKENS[1:])
    written(directory, TOKENS[1:3])
    for stored, read in zip(open_pair_model(directory, MARKS).run(TOKENS[:1], TOKENS[1:]), before, strict=True):
        assert stored == pytest.approx(read, abs=2e-3)


def test_with_a_cache_of_0_bytes_no_stored_states_are_used(directory: Path) -> None:
    written(directory, TOKENS)
    assert open_pair_model(directory, MARKS, kept_bytes=0)._stored is None


def test_the_first_pages_are_written_until_the_limit(directory: Path) -> None:
    assert written(directory, TOKENS, most_tokens=9) == 2  # 5 + 4 tokens
    assert [states is not None for states in asked(directory, TOKENS)] == [True, True, False, False, False]


def test_pages_with_the_same_tokens_share_an_entry(directory: Path) -> None:
    assert written(directory, [TOKENS[0], TOKENS[0], TOKENS[1]]) == 2


def test_a_limit_of_0_stores_no_pages(directory: Path) -> None:
    assert written(directory, TOKENS, most_tokens=0) == 0
    assert asked(directory, TOKENS[:1]) == [None]


def test_arrays_of_two_builds_are_rejected(directory: Path) -> None:
    written(directory, TOKENS)
    np.save(directory / KEYS, np.load(directory / KEYS)[:-1])
    with pytest.raises(ValueError, match=STARTS):
        PageStates(directory)


def test_states_with_an_own_row_are_packed_into_a_quarter_of_the_bytes(tmp_path: Path) -> None:
    directory = model_files(tmp_path, layers=2, joint_layers=1)
    pages = [np.arange(10 * row, 10 * row + row % 7 + 1, dtype=np.uint32) for row in range(1, 150)]
    assert written(directory, pages) == len(pages)
    plain = open_pair_model(directory, MARKS, kept_as=np.float32, kept_bytes=0)
    codes = PageStates(directory).codes
    assert codes is not None
    found = unpacked(codes, [one for one in asked(directory, pages) if one is not None])
    assert [one.shape for one in found] == [(3 + len(page), WIDTH) for page in pages]
    for part, most in ((slice(0, 1), 0.02), (slice(1, None), 0.15)):  # of a deviation
        ours, theirs = (np.concatenate([one[part] for one in side]) for side in (found, exact(directory, pages)))
        assert (ours - theirs).std() < most * theirs.std(axis=0).mean()
    assert np.load(directory / STATES).nbytes == sum(WIDTH // 2 * (2 + len(page) + 2) for page in pages)
    packed = open_pair_model(directory, MARKS).run(pages[:1], pages[1:])
    for ours, theirs in zip(packed, plain.run(pages[:1], pages[1:]), strict=True):
        assert np.corrcoef(ours, theirs)[0, 1] > 0.98


def test_pages_read_online_score_as_those_of_the_build(tmp_path: Path) -> None:
    directory = model_files(tmp_path, layers=2, joint_layers=1)
    pages = [np.arange(10 * row, 10 * row + row % 7 + 1, dtype=np.uint32) for row in range(1, 150)]
    written(directory, pages)
    stored = open_pair_model(directory, MARKS).run(pages[:1], pages[1:9])
    model = open_pair_model(directory, MARKS)
    model._stored = None
    for ours, theirs in zip(model.run(pages[:1], pages[1:9]), stored, strict=True):
        assert ours == pytest.approx(theirs, abs=1e-5)


def test_states_may_be_those_of_another_directory(exported: Path, directory: Path) -> None:
    written(directory, TOKENS)
    model = open_pair_model(exported, MARKS, stored=directory)
    before = open_pair_model(exported, MARKS).run(TOKENS[:1], TOKENS[1:])
    model._pages._model = None  # computing a page would now fail
    for stored, read in zip(model.run(TOKENS[:1], TOKENS[1:]), before, strict=True):
        assert stored == pytest.approx(read, abs=2e-3)


@pytest.mark.parametrize("repeated", [1, 100])
def test_states_of_a_few_pages_are_not_packed(tmp_path: Path, repeated: int) -> None:
    directory = model_files(tmp_path, layers=2, joint_layers=1)
    few = [np.array([5, 6 + row], np.uint32) for row in range(3)]
    assert written(directory, [np.empty(0, np.uint32), *few] * repeated) == 4
    assert PageStates(directory).codes is None
    exact_scores = open_pair_model(directory, MARKS, kept_as=np.float32, kept_bytes=0).run(TOKENS[:1], TOKENS[1:])
    for ours, theirs in zip(open_pair_model(directory, MARKS).run(TOKENS[:1], TOKENS[1:]), exact_scores, strict=True):
        assert ours == pytest.approx(theirs, abs=2e-3)


def test_without_stored_pages_nothing_is_packed(tmp_path: Path) -> None:
    directory = model_files(tmp_path, layers=2, joint_layers=1)
    pages = [np.arange(10 * row, 10 * row + row % 7 + 1, dtype=np.uint32) for row in range(1, 150)]
    assert written(directory, pages, most_tokens=0) == 0
    assert not (directory / COLUMNS).exists() and PageStates(directory).codes is None
