"""The events table: one row per impression, click or dwell, each with the list that it belongs to."""

from __future__ import annotations

import pyarrow as pa

_TIME = pa.timestamp("us", "UTC")

SCHEMA = pa.schema(
    {
        "event_id": pa.string(),  # a retry may be stored twice: readers keep one row per ID
        "kind": pa.string(),  # impression, click or dwell
        "time": _TIME,  # by the client's clock; by the gateway's where that is implausible
        "received": _TIME,
        "impression_id": pa.string(),  # made by the client, one per time a list was shown
        "answer_id": pa.string(),
        "unit": pa.string(),  # as sent; null without one
        "experiment": pa.string(),
        "arm": pa.string(),
        "bundle": pa.string(),
        "url1": pa.string(),  # null if the page was not in the live bundle
        "urls": pa.list_(pa.string()),  # of the list, by position
        "position": pa.int16(),  # of click and dwell; 1 is the first
        "url2": pa.string(),  # the page at the position
        "dwell_s": pa.float32(),
        "propensities": pa.list_(pa.float32()),  # per position; null if the order was not explored
        "shuffled": pa.bool_(),  # of an explored list: whether its order was drawn at random; else null
        "teams": pa.list_(pa.int8()),  # per position; null if the list was not interleaved
    }
)
