"""The calls of normalisation layers, seen while a model runs."""
