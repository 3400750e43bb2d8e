"""Bodies and answers that are tables: CSV, NDJSON and Arrow, read and scored a piece at a time."""
