"""First-order optimizers: gradient descent, momentum, and adaptive methods."""
