"""Bound versus actual at every normalisation layer of a person's own model."""
