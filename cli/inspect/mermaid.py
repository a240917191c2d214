"""Lines of Mermaid flowcharts, which GitHub draws."""

from __future__ import annotations

from collections.abc import Iterable

_FLOWCHART = ('%%{init: {"flowchart": {"wrappingWidth": 400}}}%%', "flowchart TD")  # wide: no file name is broken


def box(key: str, *lines: str) -> str:
    """Return a box; `key` is what arrows call it."""
    return f"{key}[{_label(lines)}]"


def rounded(key: str, *lines: str) -> str:
    """Return a box with round ends, for what goes in and what comes out."""
    return f"{key}([{_label(lines)}])"


def arrow(sources: Iterable[str], target: str, label: str = "", dotted: bool = False) -> str:
    """Return an arrow from each source to the target: boxes, or the keys of boxes that stand elsewhere."""
    line = ("-.->" if dotted else "-->") + (f"|{_label([label])}|" if label else "")
    return f"{' & '.join(sources)} {line} {target}"


def flowchart(lines: Iterable[str]) -> str:
    """Return the drawing."""
    return "\n".join([*_FLOWCHART, *(f"    {line}" for line in lines)])


def _label(lines: Iterable[str]) -> str:
    return f'"{"<br/>".join(line.replace(chr(34), "#quot;").replace("<", "#lt;") for line in lines if line)}"'
