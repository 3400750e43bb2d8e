"""Export to other programs' formats."""
