from __future__ import annotations

import pytest
import torch

from ranking.session.networks import NETWORKS

WIDTH, FEATURES, HISTORY = 8, 6, 5


def inputs(batch: int = 3, candidates: int = 4) -> list[torch.Tensor]:
    torch.manual_seed(0)
    known = torch.tensor([[0.0, 0, 1, 1, 1], [0, 0, 0, 0, 1], [0, 0, 0, 0, 0]])[:batch]
    shapes = ((batch, WIDTH), (batch, HISTORY, WIDTH), (batch, candidates, WIDTH), (batch, candidates, FEATURES))
    trigger, history, listed, features = (torch.randn(*shape) for shape in shapes)
    return [trigger, history * known.unsqueeze(-1), known, listed, features]


@pytest.fixture(params=NETWORKS)
def network(request):
    torch.manual_seed(1)
    return NETWORKS[request.param](WIDTH, FEATURES, HISTORY).eval()


def test_each_candidate_is_scored_by_itself(network) -> None:
    trigger, history, known, candidates, features = inputs()
    scores = network(trigger, history, known, candidates, features)
    assert scores.shape == (3, 4)
    alone = network(trigger, history, known, candidates[:, 2:3], features[:, 2:3])
    assert torch.allclose(scores[:, 2:3], alone, atol=1e-6)


def test_the_way_changes_scores_and_unknown_pages_of_it_do_not(network) -> None:
    trigger, history, known, candidates, features = inputs()
    scores = network(trigger, history, known, candidates, features)
    with torch.no_grad():
        noise = history + 5 * torch.randn_like(history) * (1 - known).unsqueeze(-1)
        other = history + torch.randn_like(history) * known.unsqueeze(-1)
    assert torch.allclose(scores, network(trigger, noise, known, candidates, features), atol=1e-5)
    changed = network(trigger, other, known, candidates, features)
    assert not torch.allclose(scores[:2], changed[:2], atol=1e-4)
    assert torch.allclose(scores[2], changed[2], atol=1e-5)  # nothing is known of its way
