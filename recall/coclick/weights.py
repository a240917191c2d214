"""Fits the weights of the orders of a page's neighbours to what held-out sessions wanted."""

from __future__ import annotations

import ibis
import ibis.expr.types as ir
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from recall.coclick.build import Sources, shared_rows
from recall.coclick.config import CoclickConfig
from recall.coclick.orders import ORDERS
from recall.mixture import fit


def sampled(targets: pa.Table, most: int, seed: int) -> pa.Table:
    """Return the targets (page1, page2, gain) of at most `most` pages, drawn at random."""
    page1 = targets["page1"].to_numpy()
    chosen = np.random.default_rng(seed).permutation(np.unique(page1))[:most]
    return targets.filter(pa.array(np.isin(page1, chosen)))


def fitted(sources: Sources, targets: pa.Table, config: CoclickConfig) -> dict[str, float]:
    """Return the weight of each order, with sum 1; equal weights without targets that an order foretells.

    Another component of the mixture is the popularity of pages (how often they were entered): it explains targets that
    no order foretells, so that these do not decide.
    """
    shares, gain = _shares(sources, targets, config)
    weights = fit(shares, gain, config.mixture_prior)[: len(ORDERS)]
    if not weights.any():  # popularity explains everything
        weights = np.ones(len(ORDERS))
    return dict(zip(ORDERS, (weights / weights.sum()).tolist(), strict=True))


def _shares(
    sources: Sources, targets: pa.Table, config: CoclickConfig
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the share of each order, and of popularity, for each target (page1, page2), and its gain."""
    wanted = ibis.memtable(targets)
    summed = wanted.group_by("page1", "page2").aggregate(gain=wanted.gain.sum())
    rows = shared_rows(sources, config, summed.select(page="page1").distinct())
    popular = sources.flow.select(page2="page", popular=_share_of(sources.flow, "entered"))
    names = [f"share_{name}" for name in ORDERS]
    found = summed.left_join(rows.select("page1", "page2", *names), ["page1", "page2"])
    found = found.drop("page1_right", "page2_right")
    found = found.left_join(popular, "page2").drop("page2_right").order_by("page1", "page2").to_pyarrow()
    columns = [found[name].fill_null(0.0).to_numpy() for name in (*names, "popular")]
    return np.stack(columns, axis=1), found["gain"].to_numpy()


def _share_of(table: ir.Table, column: str) -> ir.NumericColumn:
    return table[column] / table[column].sum().as_scalar().nullif(0)
