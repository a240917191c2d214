"""The shipped settings files, and how settings are read."""
