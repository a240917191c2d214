"""The shipped settings files and the code that reads settings."""
