"""The loss landscape: the loss along two directions of parameters, and optimizers' paths."""
