"""Does it matter in training. Imports matplotlib, numerics and theory."""
