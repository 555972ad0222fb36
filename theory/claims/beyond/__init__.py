"""What other papers found of training with BatchNorm, judged by the same runs."""
