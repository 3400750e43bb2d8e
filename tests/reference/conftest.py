"""Every test in this folder has the marker `reference`."""

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.nodeid.startswith("tests/reference/"):
            item.add_marker(pytest.mark.reference)
