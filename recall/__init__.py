"""The recall paths: each one folder, its offline half beside its online half."""
