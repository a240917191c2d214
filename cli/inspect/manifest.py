"""A bundle's manifest as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cli.inspect.text import shown_text

if TYPE_CHECKING:
    from rich.table import Table

    from store.bundle import Bundle


def manifest_table(bundle: Bundle) -> Table:
    """Return what the bundle holds and where it came from."""
    from rich.table import Table

    from evaluation.reports.build_report import scalars

    manifest = bundle.manifest
    table = Table("", "", title=manifest.name, show_header=False)
    facts: dict[str, Any] = {
        "created": manifest.created,
        "git commit": manifest.git_commit,
        "seed": manifest.seed,
        **{f"data: {name}": value for name, value in manifest.data.items()},
        **{f"rows: {name}": value for name, value in manifest.rows.items()},
        **{f"dimension: {name}": value for name, value in manifest.dimensions.items()},
        **{f"features: {name}": len(names) for name, names in manifest.features.items()},
        **{f"metric: {name}": scalars(value) for name, value in manifest.metrics.items()},
        **{f"note {number}": note for number, note in enumerate(manifest.notes, 1)},
        **{f"file: {name}": (bundle.path / name).stat().st_size for name in manifest.files},
    }
    for name, value in facts.items():
        table.add_row(name, shown_text(value))
    return table
