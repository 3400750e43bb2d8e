"""Tables as bodies and answers: CSV, NDJSON and Arrow, parsed and written block by block."""
