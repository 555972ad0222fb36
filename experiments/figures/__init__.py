"""One module a figure; each reads records only."""
