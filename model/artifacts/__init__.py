"""The artifact file: format, safe reading, atomic writing, versions, signatures."""

__all__ = [
    "artifact",
    "atomic_write",
    "exclusive",
    "npz",
    "remote",
    "repository",
    "safe_read",
    "signing",
]
