"""Readers' ways: a network that says which of a page's candidates fit the pages that led there."""

#: The column of its scores, in units of z(stage 2); rows have it where a way was sent.
COLUMN = "session"
