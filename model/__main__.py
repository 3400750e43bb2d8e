"""`python -m model`: the offline program."""

from model.cli import main

main()
