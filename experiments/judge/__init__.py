"""The judge of runs."""
