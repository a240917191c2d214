"""Trains each network of readers' ways on a build's past, and weighs it on the held-out sessions, as the build does.

python -m benchmarks.session_networks WORK --profile quick [--networks din,gru4rec,sasrec,dien,deepfm] [--seeds 2]

WORK is the work directory of a build with clicks. GRU4Rec and SASRec are the usual alternatives to TRAWL's networks:
one vector of the whole way, the last state of a GRU or of a layer of self-attention, in place of what each candidate
sees of it. All read the same vectors and the same twelve numbers. Printed are NDCG@5 of the page that the reader chose,
without and with the way, the gain with its 95 % interval, and the seconds of training.
"""

from __future__ import annotations

import argparse
import time
from abc import ABC, abstractmethod
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


class _OfWhole(networks.Network, ABC):
    """Scores candidates by one vector of the way and the page that it led to."""

    def __init__(self, width: int, features: int, history: int) -> None:
        super().__init__(width, features, history, parts=4)

    def forward(self, trigger: Tensor, history: Tensor, known: Tensor, candidates: Tensor, features: Tensor) -> Tensor:
        """Return scores [b, c]."""
        way = torch.cat([(history + self.place) * known.unsqueeze(-1), trigger.unsqueeze(1)], dim=1)
        mask = torch.cat([known, torch.ones_like(known[:, :1])], dim=1)
        state, here = (each.unsqueeze(1).expand_as(candidates) for each in (self.read(way, mask), trigger))
        return self.score([candidates, state, candidates * state, candidates * here], features)

    @abstractmethod
    def read(self, way: Tensor, mask: Tensor) -> Tensor:
        """Return one vector [b, e] of a way [b, h, e]; mask [b, h] is 0 for places without a page."""


class Gru4Rec(_OfWhole):
    """The last state of a GRU (Hidasi et al., 2016)."""

    def __init__(self, width: int, features: int, history: int) -> None:
        super().__init__(width, features, history)
        self.gru = nn.GRU(width, width, batch_first=True)

    def read(self, way: Tensor, mask: Tensor) -> Tensor:
        """Return the state after the last page."""
        states, _ = self.gru(way)
        last: Tensor = states[:, -1]
        return last


class SasRec(_OfWhole):
    """The last place of one layer of self-attention (Kang and McAuley, 2018)."""

    def __init__(self, width: int, features: int, history: int) -> None:
        super().__init__(width, features, history)
        self.layer = nn.TransformerEncoderLayer(width, 2, 2 * width, dropout=0.2, batch_first=True, norm_first=True)

    def read(self, way: Tensor, mask: Tensor) -> Tensor:
        """Return what the last page makes of those before it; only its place is read, so no causal mask is needed."""
        last: Tensor = self.layer(way, src_key_padding_mask=mask == 0)[:, -1]
        return last


_OTHERS: dict[str, Any] = {"gru4rec": Gru4Rec, "sasrec": SasRec}


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
    networks.NETWORKS |= _OTHERS
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
    since, pages = split_of(work)["labels_from"], page_ids(work)
    lists, steps = weighing(work, pages, since)
    past = trained(work, pages, PAST, since)
    if past is None:
        raise SystemExit(f"{work.root} has too few steps of sessions before the label window")
    return weigh.choose(steps, past.scores, lists, work.config.seed)


if __name__ == "__main__":
    main()
