"""What is claimed, what is true, and why. Imports the standard library and SymPy only."""
