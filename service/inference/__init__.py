"""Use cases: predict instances, stream tables, answer inference protocols."""
