"""Recipes, and runs that carry their own evidence."""
