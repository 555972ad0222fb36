"""SymPy, the second witness: what the kernel derives is differentiated here again, and never by its rules."""
