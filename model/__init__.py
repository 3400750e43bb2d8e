"""The network, its training and evaluation, and the artifact that the service loads."""
