"""The recall paths: one folder per path, with its offline and its online half."""

#: The number of candidates that each path returns, in training and by default in serving.
LIMITS = {"coclick": 128, "cf": 50, "two_tower": 50, "qprime": 30, "popular": 100}
