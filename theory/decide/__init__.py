"""Conjectures about a normalisation, decided for every batch size: `decision.decide`."""
