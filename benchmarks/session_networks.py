"""Trains each network of readers' ways on a build's past, and weighs it on the held-out sessions, as the build does.

python -m benchmarks.session_networks WORK --profile quick [--networks din,gru4rec,sasrec,dien,deepfm] [--seeds 2]

WORK is the work directory of a build with clicks. GRU4Rec, which the build does not have, reads the way as SASRec does:
into one vector, in place of what each candidate sees of it. All read the same vectors and the same twelve numbers.
Printed are NDCG@5 of the page that the reader chose, without and with the way, the gain with its 95 % interval, and the
seconds of training.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from cli.build import config_of
from configs import threads
from pipeline.log.split import PAST, split_of
from pipeline.pages.page_ids import page_ids
from pipeline.rankers.session import trained, weighing
from pipeline.runner.work import Work
from ranking.session import networks, weigh


class Gru4Rec(networks.Network):
    """The last state of a GRU (Hidasi et al., 2016) over the way and the page that it led to."""

    def __init__(self, width: int, features: int, history: int) -> None:
        super().__init__(width, features, history, parts=4)
        self.gru = nn.GRU(width, width, batch_first=True)

    def forward(self, trigger: Tensor, history: Tensor, known: Tensor, candidates: Tensor, features: Tensor) -> Tensor:
        """Return scores [b, c]."""
        here = trigger.unsqueeze(1)
        states, _ = self.gru(torch.cat([(history + self.place) * known.unsqueeze(-1), here], dim=1))
        state = states[:, -1:].expand_as(candidates)
        return self.score([candidates, state, candidates * state, candidates * here], features)


def main() -> None:
    """Print one line per network and seed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path)
    parser.add_argument("--profile", default="quick")
    parser.add_argument("--networks", default="din,gru4rec,sasrec,dien,deepfm")
    parser.add_argument("--seeds", type=int, default=2)
    options = parser.parse_args()
    threads.use(1)
    torch.set_num_threads(1)
    others: dict[Any, Any] = {"gru4rec": Gru4Rec}
    networks.NETWORKS.update(others)
    if unknown := set(options.networks.split(",")) - set(networks.NETWORKS):
        raise SystemExit(f"--networks: {', '.join(sorted(unknown))} is none of {', '.join(networks.NETWORKS)}")
    for seed in range(options.seeds):
        for name in options.networks.split(","):
            config = config_of(None, options.profile, None)
            session = replace(config.session, network=name)
            work = Work(config.model_copy(update={"seed": seed, "session": session}), options.work, options.work)
            begun = time.monotonic()
            chosen = _weighed(work)
            took = time.monotonic() - begun
            gain, low, high = (
                100 * each / chosen.ndcg for each in (chosen.ndcg_with - chosen.ndcg, chosen.low, chosen.high)
            )
            told = f"weight {chosen.weight:g}, NDCG@5 {chosen.ndcg:.4f} -> {chosen.ndcg_with:.4f}"
            print(f"seed {seed} {name}: {told}, {gain:+.1f} % [{low:+.1f}, {high:+.1f}], {took:.0f} s", flush=True)


def _weighed(work: Work) -> weigh.Choice:
    """Return what the build's step finds of the network of the past."""
    since, pages = split_of(work).get("labels_from"), page_ids(work)
    if since is None:
        raise SystemExit(f"{work.root} is of a build without clicks")
    lists, steps = weighing(work, pages, since)
    if len(steps) < work.config.session.fewest_steps:
        raise SystemExit(f"{work.root} has {len(steps)} held-out steps, too few to weigh a network")
    past = trained(work, pages, PAST, since)
    if past is None:
        raise SystemExit(f"{work.root} has too few steps of sessions before the label window")
    return weigh.choose(steps, past.scores, lists, work.config.seed)


if __name__ == "__main__":
    main()
