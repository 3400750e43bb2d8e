"""Content codings: request bodies arrive decoded, and large answers are sent compressed."""

__all__ = ["accept_encoding", "answers", "codings", "middleware"]
