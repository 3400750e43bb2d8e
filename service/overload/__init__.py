"""Admission control, work limits, the ledger of memory and rejections under overload."""

__all__ = ["admission", "budgets", "client_network", "limiter", "memory", "threads"]
