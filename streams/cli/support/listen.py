"""The port that a service of ours (`ocr serve`, `ocr ui`, `gateway`) listens on. Knows none of them."""

import socket

from streams.cli.support.boundary import UNUSABLE, CommandError
from streams.config.exposure import Server, exposed
from streams.config.settings import Settings

#: Connections that may wait: as many as callers of a busy worker may open at once while it starts.
BACKLOG = 2048


def listen(host: str, port: int, scheme: str = "http") -> tuple[socket.socket, str]:
    """
    Listen from here on, and tell the URL: who connects before the app is up waits instead of being turned away.

    Port 0 picks a free one.

    Raises:
        typer.Exit: the port cannot be had; it has been said why.

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
    Refuse to listen beyond loopback without a token, unless the settings name the server.

    Raises:
        CommandError: it must not; with what to do.

    """
    if (why := exposed(server, host, settings.open_servers, has_token=has_token)) is not None:
        raise CommandError(why, UNUSABLE)
