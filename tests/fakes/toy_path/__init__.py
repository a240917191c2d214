"""A recall path of another package: the pages that come next in order of PageId."""
