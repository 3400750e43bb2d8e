"""The OpenAPI document, made from the models in service."""

__all__ = ["document", "problem_responses", "tags"]
