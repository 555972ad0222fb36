"""Conjectures about a normalisation, decided for every batch size: `ask.decide`."""
