"""The listening sockets of the service.

They are bound before anything is loaded, and by one process that passes them to its workers. So an
address in use ends the start at once, and one worker and several listen on the same addresses.
"""

import errno
import os
import socket
import stat
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Final

from service.settings import SettingError, Settings, VariableError

BACKLOG: Final = 512  # connections that wait to be accepted; 32 are accepted per iteration
FIRST_PASSED: Final = 3  # descriptor of the first socket that systemd passes
SOCKET_MODE: Final = 0o666  # of a Unix socket; the permissions of its folder restrict access
UNAVAILABLE: Final = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)
FAMILIES: Final = (socket.AF_INET, socket.AF_INET6, socket.AF_UNIX)
SOCKET_RULE: Final = "must be the number of an open descriptor of a listening stream socket"


class AddressError(Exception):
    """The service cannot listen on its address: a sentence with the reason and the remedy."""


@contextmanager
def open_listeners(
    settings: Settings, environment: Mapping[str, str] = os.environ
) -> Iterator[list[socket.socket]]:
    """Open the sockets that the service listens on, and close them afterwards.

    They are the socket of the setting `fd`, else those that systemd passes, else the Unix socket of
    the setting `unix_socket`, else one for each address of the host.

    Args:
        settings: The settings of the service.
        environment: Environment variables, of which systemd sets LISTEN_PID and LISTEN_FDS.

    Raises:
        AddressError: The address is in use, or needs privileges.
        SettingError: The setting is not an address of this machine, or not a socket.
    """
    with ExitStack() as stack:
        if settings.fd is not None:
            yield _take_over(stack, [settings.fd], SettingError("fd", SOCKET_RULE))
        elif environment.get("LISTEN_PID") == str(os.getpid()):
            rule = "must be the number of listening stream sockets, from descriptor 3 on"
            error = VariableError("LISTEN_FDS", rule)
            passed = environment.get("LISTEN_FDS", "")
            if not (passed.isascii() and passed.isdigit() and 0 < int(passed) < 1000):
                raise error
            yield _take_over(stack, range(FIRST_PASSED, FIRST_PASSED + int(passed)), error)
        elif settings.unix_socket is not None:
            yield [_open_unix_socket(stack, settings.unix_socket)]
        else:
            yield _open_ports(stack, settings.host, settings.port)


def url_of(listener: socket.socket) -> str:
    """Return the address of a listening socket as text, such as http://[::1]:8000."""
    name = listener.getsockname()
    if listener.family == socket.AF_UNIX:
        return f"unix:{os.fsdecode(name)}"
    host, port = name[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _take_over(
    stack: ExitStack, descriptors: Iterable[int], error: SettingError
) -> list[socket.socket]:
    """Return the sockets that the parent process has opened."""
    listeners = []
    for descriptor in descriptors:
        try:
            listener = stack.enter_context(socket.socket(fileno=descriptor))
        except (OSError, ValueError):
            raise error from None
        listener.set_inheritable(False)
        if listener.family not in FAMILIES or listener.type != socket.SOCK_STREAM:
            raise error
        listeners.append(listener)
    return listeners


def _open_unix_socket(stack: ExitStack, path: Path) -> socket.socket:
    """Bind a Unix socket; a file that a killed process has left is replaced."""
    listener = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
    try:
        _remove_unused(path)
        listener.bind(os.fspath(path))
        path.chmod(SOCKET_MODE)
        # At once, so that another start does not take the file for an unused one.
        listener.listen(BACKLOG)
        identity = path.stat().st_ino
    except OSError as error:
        rule = "must be the path of a new socket, in a folder that may be written"
        raise SettingError("unix_socket", f"{rule}: {error.strerror or error}") from None

    def remove() -> None:
        with suppress(OSError):  # unless another process has replaced it
            if path.stat().st_ino == identity:
                path.unlink()

    stack.callback(remove)
    return listener


def _remove_unused(path: Path) -> None:
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise SettingError("unix_socket", "must be the path of a socket, not of another file")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        try:
            client.connect(os.fspath(path))
        except ConnectionRefusedError:
            path.unlink()
        else:
            raise AddressError(
                "The Unix socket is in use: stop the process that uses it, or choose another path "
                "with --unix-socket or MALIGNANCY_UNIX_SOCKET."
            )


def _open_ports(stack: ExitStack, host: str, port: int) -> list[socket.socket]:
    """Bind a socket for each address of a host, all with the same port.

    An address that this machine lacks is skipped if it has another one: the name localhost often
    has an IPv6 address on machines without IPv6.
    """
    host = host.removeprefix("[").removesuffix("]")
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError):
        raise SettingError("host", "must be an IP address or a name that resolves") from None
    listeners: list[socket.socket] = []
    unavailable: OSError | None = None
    for family, address in dict.fromkeys((each[0], each[4]) for each in found):
        if listeners:  # of which the first one may have chosen a free port
            address = (address[0], listeners[0].getsockname()[1], *address[2:])
        try:
            listeners.append(_bind(stack, family, address))
        except OSError as error:
            if error.errno not in UNAVAILABLE:
                raise _explained(error, host, port) from None
            unavailable = error
    if unavailable and not listeners:
        raise _explained(unavailable, host, port)
    return listeners


def _bind(
    stack: ExitStack, family: socket.AddressFamily, address: tuple[object, ...]
) -> socket.socket:
    listener = stack.enter_context(socket.socket(family, socket.SOCK_STREAM))
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family == socket.AF_INET6:  # :: is all addresses, those of IPv4 included
        listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, address[0] != "::")
    listener.bind(address)
    return listener


def _explained(error: OSError, host: str, port: int) -> Exception:
    remedy = "choose another port with --port or MALIGNANCY_PORT"
    if error.errno == errno.EADDRINUSE:
        return AddressError(
            f"Port {port} on {host} is in use: stop the process that uses it, or {remedy}."
        )
    if error.errno == errno.EACCES:
        return AddressError(f"Port {port} on {host} needs privileges: {remedy}.")
    return SettingError("host", f"must be an address of this machine: {error.strerror}")
