"""`python -m model`: the offline program."""

import sys

if __name__ == "__main__":
    try:
        from model.cli import main  # takes a moment, in which Ctrl-C may come
    except KeyboardInterrupt:
        sys.exit(130)
    main()
