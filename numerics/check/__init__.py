"""Statements on random batches."""
