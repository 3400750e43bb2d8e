"""Command line entry point of the offline program: `python -m model`."""

import sys

TRAIN_PACKAGES = ("matplotlib", "pandas", "rich", "typer")


def main() -> None:
    """Run the program; without the extra `train`, print how to install it."""
    try:
        from model.cli import main as run  # takes a moment, in which Ctrl-C may come
    except KeyboardInterrupt:
        sys.exit(130)
    except ModuleNotFoundError as error:
        if error.name not in TRAIN_PACKAGES:
            raise
        print(
            f"error: the package {error.name} is not installed, which all commands but serve need: "
            "pip install 'malignancy[train]'",
            file=sys.stderr,
        )
        sys.exit(2)
    run()


if __name__ == "__main__":
    main()
