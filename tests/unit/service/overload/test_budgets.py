"""service/overload/budgets.py: the memory limit of the control group, and its division."""

from pathlib import Path

import pytest

from service.overload.budgets import MIB, RESERVED_BYTES, Budgets, memory_limit


def group(path: Path, name: str, content: str) -> None:
    path.mkdir(parents=True, exist_ok=True)
    (path / name).write_text(content)


@pytest.fixture
def membership(tmp_path: Path) -> Path:
    return tmp_path / "membership"


def test_version_2_has_the_smallest_limit_of_the_groups_above(
    tmp_path: Path, membership: Path
) -> None:
    mount = tmp_path / "groups"
    membership.write_text("0::/pod/container\n")
    assert memory_limit(membership, mount) is None
    group(mount / "pod/container", "memory.max", "max\n")
    assert memory_limit(membership, mount) is None
    group(mount / "pod", "memory.max", "1000\n")
    group(mount, "memory.max", "2000\n")
    assert memory_limit(membership, mount) == 1000
    group(mount / "pod/container", "memory.max", "900\n")
    assert memory_limit(membership, mount) == 900


def test_version_1_has_a_folder_of_the_memory_controller(tmp_path: Path, membership: Path) -> None:
    mount = tmp_path / "groups"
    membership.write_text("2:cpu,cpuacct:/a\n1:blkio,memory:/docker/1\n0::/\n")
    group(mount / "memory", "memory.limit_in_bytes", "9223372036854771712\n")
    assert memory_limit(membership, mount) is None
    # A container sees its own group at the root, and not the path of the host.
    group(mount / "memory", "memory.limit_in_bytes", "536870912\n")
    assert memory_limit(membership, mount) == 512 * MIB


def test_without_control_groups_there_is_no_limit(tmp_path: Path) -> None:
    assert memory_limit(tmp_path / "absent", tmp_path) is None


def test_the_limit_is_divided_among_the_processes() -> None:
    assert Budgets.for_limit(None, 4) == (256 * MIB, 1024 * MIB)
    limit = RESERVED_BYTES + 300 * MIB
    assert Budgets.for_limit(limit, 1) == (200 * MIB, 100 * MIB)
    assert Budgets.for_limit(4 * limit, 4) == (200 * MIB, 100 * MIB)
    assert Budgets.for_limit(64 * MIB, 1) == (64 * MIB, 64 * MIB)
