"""Network namespaces: processes on separate hosts, whose links can be cut without a FIN or RST."""

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import pytest

ADDRESS = "10.77.255.1"  # in the namespaces only


@dataclass(frozen=True)
class Network:
    """A router and hosts, each of them in a namespace, with one link from each host to the router.

    Attributes:
        router: Name of the namespace of the router, which has `ADDRESS`.
        hosts: Names of the namespaces of the hosts.
    """

    router: str
    hosts: Sequence[str]

    def cut(self, host: str) -> None:
        """Take down the end of a host's link: packets of both directions are lost."""
        _ip("-n", host, "link", "set", "eth0", "down")


def in_namespace(name: str) -> list[str]:
    """Return the command, without its arguments, that runs a program in a namespace."""
    return ["ip", "netns", "exec", name]


@contextmanager
def network(hosts: int) -> Iterator[Network]:
    """Create a network, which is removed at the end of the context; skip where that is forbidden.

    Args:
        hosts: Number of hosts.
    """
    if shutil.which("ip") is None or os.geteuid() != 0:
        pytest.skip("needs root and iproute2, for network namespaces")
    prefix = f"malignancy-{os.getpid()}"
    router, names = f"{prefix}-router", [f"{prefix}-{number}" for number in range(hosts)]
    with ExitStack() as stack:
        for name in (router, *names):
            try:
                _ip("netns", "add", name)
            except subprocess.CalledProcessError as error:
                pytest.skip(f"network namespaces are forbidden: {error.stderr.strip()}")
            stack.callback(_ip, "netns", "delete", name)
            _ip("-n", name, "link", "set", "lo", "up")
        _ip("-n", router, "address", "add", ADDRESS, "dev", "lo")
        for number, name in enumerate(names):
            link, subnet = f"host{number}", f"10.77.{number}"
            _ip("-n", router, "link", "add", link, "type", "veth", "peer", "eth0", "netns", name)
            for place, device, address in ((router, link, 1), (name, "eth0", 2)):
                _ip("-n", place, "address", "add", f"{subnet}.{address}/24", "dev", device)
                _ip("-n", place, "link", "set", device, "up")
            _ip("-n", name, "route", "add", "default", "via", f"{subnet}.1")
        forward = [*in_namespace(router), "sysctl", "-qw", "net.ipv4.ip_forward=1"]
        subprocess.run(forward, check=True)
        yield Network(router, names)


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True)
