"""Scoring of datasets: files of any number and size in, a file of predictions for each out.

Needs pyarrow, of the extra `batch`.
"""

__all__: list[str] = []
