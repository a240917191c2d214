"""The recall paths: each one folder, its offline half beside its online half."""

#: How many candidates each path brings, in training and by default in serving.
LIMITS = {"coclick": 128, "cf": 50, "two_tower": 50, "qprime": 30, "popular": 100}
