"""The files in which stage 2 leaves the candidates of pages that it did not learn from."""

HELD_OUT = "held_out.npy"  # the features STAGE2 of their candidates
HELD_OUT_SIZES = "held_out_sizes.npy"  # how many candidates each page has
