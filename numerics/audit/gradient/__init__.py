"""Is the backward pass of a layer the derivative of its forward pass; what is wrong where it is not."""
