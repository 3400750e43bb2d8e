"""The network, its training and evaluation, and the artifact that carries it to the service."""
