"""All importers, by the name of their tool."""

from __future__ import annotations

from collections.abc import Mapping

from corpus.imports.ga4 import Ga4
from corpus.imports.importer import Importer
from corpus.imports.matomo import Matomo
from corpus.imports.plausible import Plausible
from corpus.imports.sitemap import Sitemap
from corpus.imports.snowplow import Snowplow
from corpus.imports.warc import Warc

_ALL: tuple[Importer, ...] = (Ga4(), Matomo(), Plausible(), Snowplow(), Sitemap(), Warc())

#: Name of the tool -> its importer.
IMPORTERS: Mapping[str, Importer] = {importer.name: importer for importer in _ALL}
