"""What is wrong with the normalisation of a model, most important first, from one batch."""
