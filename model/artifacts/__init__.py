"""The artifact file: format, safe reading, atomic writing, versions, signatures, object stores."""

__all__ = [
    "artifact",
    "atomic_write",
    "exclusive",
    "location",
    "mirror",
    "npz",
    "publishing",
    "remote",
    "repository",
    "safe_read",
    "signing",
]
