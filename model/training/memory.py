"""The limit of memory for a table's features; a larger table trains from a file."""

MAX_MEMORY_BYTES = 2**26  # 64 MiB


def fits_in_memory(rows: int, features: int) -> bool:
    """Return whether the features of a table are within the limit, as float64.

    Args:
        rows: Number of rows.
        features: Number of features.
    """
    return 8 * rows * features <= MAX_MEMORY_BYTES
