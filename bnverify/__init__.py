"""Verdicts on claims about Batch Normalization."""
