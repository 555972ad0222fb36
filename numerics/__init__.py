"""Do the numbers agree. Imports torch, numpy, hypothesis and theory."""
