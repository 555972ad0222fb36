"""Data sets, read from files that are not trusted."""
