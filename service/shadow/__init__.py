"""Shadow versions: they predict what was answered, after the answer, for the store only.

Imported only if the setting `shadow` is set.
"""

__all__ = ["loading", "scorer"]
