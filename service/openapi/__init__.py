"""The OpenAPI document, made from the models in service."""

__all__ = ["installation", "problem_responses", "tags"]
