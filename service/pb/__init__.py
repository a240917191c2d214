"""Generated from `proto/onward/v1/recommender.proto` by `python -m service.stubs`; do not edit."""
