"""Generated from `proto/onward/v1/recommender.proto` by `python -m service.grpc.generate_stubs`; do not edit."""
