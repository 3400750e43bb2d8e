"""The OpenAPI document, made from the models in service."""
