"""The widget's cards as HTML, which a site's server puts into its page: the element then only reports.

`static/widget.js` makes the same elements in a browser; a test compares them.
"""

from __future__ import annotations

from html import escape

from service.answers.answer import Answer, Recommendation

#: Part of the entity tag: raise it when the markup changes.
MARKUP = "1"
_LINKED = ("http://", "https://")


def fragment(answer: Answer, heading: str) -> str:
    """Return the cards of an answer as one section, hidden where there are none."""
    contents = answer.read()
    cards = [_card(page, place) for place, page in enumerate(contents.recommendations, 1)]
    shown = "".join(cards)
    hidden = "" if shown else " hidden"
    name = escape(heading)
    return (
        f'<section part="section" aria-label="{name}" data-answer="{escape(contents.answer_id or "")}"{hidden}>'
        f'<h2 part="heading">{name}</h2><ol part="list" role="list">{shown}</ol></section>\n'
    )


def _card(page: Recommendation, place: int) -> str:
    if not page.url.startswith(_LINKED):
        return ""
    link = f'<a part="title" href="{escape(page.url)}" data-place="{place}">{escape(page.title or page.url)}</a>'
    snippet = f'<p part="snippet">{escape(page.snippet)}</p>' if page.snippet else ""
    return f'<li part="card">{link}{snippet}</li>'
