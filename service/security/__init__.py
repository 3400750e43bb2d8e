"""API keys and the policy on which artifacts are served."""

__all__ = ["api_keys", "artifact_policy"]
