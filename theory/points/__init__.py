"""Instances of claims: drawn and searched in float64, exact where they convict, replayed by differentiation."""
