"""Scoring of datasets: parts of a source are scored by engines into parts of a folder.

Imported only by its command and by workers; needs pyarrow, of the extra `batch`.
"""

__all__: list[str] = []
