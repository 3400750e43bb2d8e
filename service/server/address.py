"""A check that the service can listen on its address, before it loads anything."""

import errno
import socket

from service.settings import SettingError


class AddressError(Exception):
    """The service cannot listen on its address: a sentence with the reason and the remedy."""


def check_address(host: str, port: int) -> None:
    """Bind a socket to an address, and close it.

    uvicorn binds after it has reported that the application started, and reports an error without a
    remedy. A process that takes the port between this check and uvicorn's bind gets that error.

    Args:
        host: IP address or host name, as for uvicorn.
        port: TCP port; 0 is any free port.

    Raises:
        AddressError: The port is in use, or needs privileges.
        SettingError: The host is not an address of this machine.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError):
        raise SettingError("host", "must be an IP address or a name that resolves") from None
    for family, kind, protocol, _, address in found:
        with socket.socket(family, kind, protocol) as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            try:
                listener.bind(address)
            except OSError as error:
                raise _explained(error, host, port) from None


def _explained(error: OSError, host: str, port: int) -> Exception:
    remedy = "choose another port with --port or MALIGNANCY_PORT"
    if error.errno == errno.EADDRINUSE:
        return AddressError(
            f"Port {port} on {host} is in use: stop the process that uses it, or {remedy}."
        )
    if error.errno == errno.EACCES:
        return AddressError(f"Port {port} on {host} needs privileges: {remedy}.")
    return SettingError("host", f"must be an address of this machine: {error.strerror}")
