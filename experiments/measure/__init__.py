"""What is measured along a training."""
