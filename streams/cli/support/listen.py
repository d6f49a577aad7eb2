"""Opens the port that a service (`ocr serve`, `ocr ui`, `gateway`) listens on. Knows none of them."""

import socket

from streams.cli.support.boundary import UNUSABLE, CommandError
from streams.config.exposure import Server, exposed
from streams.config.settings import Settings

#: Length of the accept queue: as many as callers of a busy worker open at once while it starts.
BACKLOG = 2048


def listen(host: str, port: int, scheme: str = "http") -> tuple[socket.socket, str]:
    """
    Listen on an address and return the socket and its URL. Clients that connect before the app is up wait.

    Port 0 picks a free one.

    Raises:
        CommandError: The address cannot be used.

    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        raise CommandError(f"Cannot listen on {host}:{port}: {error.strerror}") from None
    shown = f"[{host}]" if ":" in host else host
    return listener, f"{scheme}://{shown}:{listener.getsockname()[1]}"


def check_exposure(server: Server, host: str, settings: Settings, *, has_token: bool = False) -> None:
    """
    Refuse to listen beyond loopback without a token, unless the settings allow the server.

    Raises:
        CommandError: It is not allowed; the message says what to do.

    """
    if (why := exposed(server, host, settings.open_servers, has_token=has_token)) is not None:
        raise CommandError(why, UNUSABLE)
