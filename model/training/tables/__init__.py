"""Tables of rows: reading, columns, targets, splits, partitions and the encoder's fit."""
