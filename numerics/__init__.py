"""Do the numbers agree: every statement on random instances, by autograd."""
