"""Opens a search engine by name."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from configs.reading import SettingsError
from recall.qprime.config import EngineName, RemoteName
from recall.qprime.engines.brave import Brave
from recall.qprime.engines.embedded import TantivyEngine
from recall.qprime.engines.endpoint import SearchEndpoint, read_search_endpoint
from recall.qprime.engines.opensearch import OpenSearch
from recall.qprime.engines.provider import Provider
from recall.qprime.engines.remote import RemoteEngine
from recall.qprime.engines.tavily import Tavily


def open_engine(
    name: EngineName,
    index: Path | None = None,
    environ: Mapping[str, str] = os.environ,
    clock: Callable[[], float] = time.time,
) -> TantivyEngine | RemoteEngine:
    """Return an engine: tantivy with the directory `index`, or a remote one set by ONWARD_SEARCH_* variables.

    Raises SettingsError.
    """
    if name == "tantivy":
        if index is None or not index.is_dir():
            raise SettingsError(f"no search index at {index}: build one first, or choose another engine")
        return TantivyEngine(index)
    endpoint = read_search_endpoint(name, environ)
    return RemoteEngine(_provider(name, endpoint), endpoint, clock)


def _provider(name: RemoteName, endpoint: SearchEndpoint) -> Provider:
    match name:
        case "brave":
            return Brave(endpoint.key, endpoint.url)
        case "tavily":
            return Tavily(endpoint.key, endpoint.url)
        case "opensearch":
            return OpenSearch(
                url=endpoint.url,
                index=endpoint.index,
                fields=endpoint.fields,
                url_field=endpoint.url_field,
                key=endpoint.key,
                user=endpoint.user,
                password=endpoint.password,
            )
