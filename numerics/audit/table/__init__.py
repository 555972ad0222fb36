"""From what was measured at a call to the rows of its table."""
