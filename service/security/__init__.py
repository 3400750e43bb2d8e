"""API keys and the policy on which artifacts are served."""
