"""Tables of rows: reading, columns, targets, splits and partitions."""
