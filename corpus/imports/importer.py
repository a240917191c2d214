"""What a tool's importer does: know its files, and read them record by record."""

from __future__ import annotations

from typing import Protocol

from corpus.imports.export_file import ExportFile
from corpus.imports.records import Numbered


class Importer(Protocol):
    """Reads the exports of one tool."""

    name: str  # on the command line
    title: str  # what the export is, for messages
    unit: str  # what records are counted in: line, row, visit, page

    def recognises(self, file: ExportFile) -> bool:
        """Return whether the file looks like one of this tool's, from its first bytes."""

    def read(self, file: ExportFile) -> Numbered:
        """Yield the file's records in order; memory does not grow with the file. Raises InputError."""
