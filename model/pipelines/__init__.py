"""Use cases of the offline program: train, cross-validate, compare, score a file."""
