"""Layers that somebody wrote by hand, known by their numbers."""
