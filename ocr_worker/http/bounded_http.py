"""
uvicorn's HTTP/1.1 protocol with deadlines, connection limits and an orderly close, for every server of Hangtag.

uvicorn alone waits for ever for the head of a request, reads a body for ever after the response, and resets clients
that still send when it closes. Knows no service.
"""

import asyncio
import resource
from typing import Any, cast

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from ocr_worker.http.connection_policy import ConnectionPolicy, Connections, policy_for


def _last_answer(status: str, text: str, more: str = "") -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nContent-Length: {len(text)}\r\n{more}"
    return f"{head}Connection: close\r\n\r\n{text}".encode()


_BUSY = _last_answer("503 Service Unavailable", "the server has no free connection\n", "Retry-After: 1\r\n")
_AMBIGUOUS = _last_answer("400 Bad Request", "send either Content-Length or Transfer-Encoding\n")


def own_policy() -> ConnectionPolicy:
    """Raise this process's limit of open files to the maximum, and return matching limits."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard not in {soft, resource.RLIM_INFINITY}:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        soft = hard
    return policy_for(soft)


def bounded_http(policy: ConnectionPolicy) -> type[H11Protocol]:
    """Return the protocol class of one server, for uvicorn's `http` setting."""
    connections = Connections(policy)

    class OneServer(_BoundedHttp):
        _policy, _connections = policy, connections

    return OneServer


class _BoundedHttp(H11Protocol):
    _policy: ConnectionPolicy
    _connections: Connections
    _wire: asyncio.Transport
    _timer: asyncio.TimerHandle | None = None
    #: Bytes of the body read since the response; None while no response waits for its body to end.
    _drained: int | None = None
    _close_when_drained = False
    #: When true, nothing more is parsed.
    _refused = False
    _lost = False

    def connection_made(self, transport: Any) -> None:
        self._wire = transport
        super().connection_made(cast("asyncio.Transport", _Transport(transport, self)))
        must_go = self._connections.opened(self, self.client[0] if self.client else "")
        self._set_timer(self._policy.head_s)
        if must_go is self:
            self._refuse(_BUSY)
        elif isinstance(must_go, _BoundedHttp):
            must_go.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._set_timer(None)
        self._connections.closed(self)
        self._lost = True
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._refused:
            self._count(len(data))
            return
        answered = self.cycle
        if self._drained is None and (answered is None or answered.response_complete) and self._timer is None:
            self._set_timer(self._policy.head_s)
            self._connections.resumes(self)
        super().data_received(data)
        if self._drained is not None and self.cycle is answered:
            # Data that is read only to be dropped must not accumulate.
            self.cycle.body.clear()
            self.flow.resume_reading()
            self._count(len(data))

    def handle_events(self) -> None:
        before = self.cycle
        super().handle_events()
        if self.cycle is not before and not self._refused:
            # The body that was dropped until now belonged to the previous request.
            self._drained = None
            self._connections.asked(self)
            self._set_timer(self._policy.body_s)
            names = {name for name, _ in self.headers}
            if b"content-length" in names and b"transfer-encoding" in names:
                # Two servers may disagree where the next request begins (RFC 9112, 6.1).
                self._refuse(_AMBIGUOUS)
                return
        if self._body_has_ended():
            self._body_ended()

    def on_response_complete(self) -> None:
        answered = self.cycle
        super().on_response_complete()
        if self.transport.is_closing() or self.cycle is not answered:
            # The next request had already arrived, and has begun.
            return
        if self._drained is not None:
            self._unset_keepalive_if_required()
        elif self._body_has_ended():
            self._connections.rests(self)
        else:
            self._drain()

    def close_when_drained(self) -> bool:
        """Delay closing until the rest of the request's body has been read. Return False if that is not needed."""
        if self._lost or self._refused or self.cycle is None or self._body_has_ended():
            return False
        self._close_when_drained = True
        self._drain()
        return True

    def abort(self) -> None:
        """Close at once."""
        self._set_timer(None)
        self._connections.closed(self)
        self._wire.abort()

    def _drain(self) -> None:
        if self._drained is None:
            self._drained = 0
            self._unset_keepalive_if_required()
            self._set_timer(self._policy.drain_s)
            self.flow.resume_reading()

    def _refuse(self, answer: bytes) -> None:
        self._refused = True
        if self.cycle is not None:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self.transport.write(answer)
        self._drained = 0
        self._set_timer(1.0)

    def _count(self, size: int) -> None:
        if self._drained is not None:
            self._drained += size
            if self._drained > self._policy.drain_bytes:
                self.abort()

    def _body_has_ended(self) -> bool:
        return self.conn.their_state is not h11.SEND_BODY

    def _body_ended(self) -> None:
        if self.cycle is not None and self.conn.their_state is not h11.IDLE:
            self._set_timer(None)
        if self._drained is None or self._refused:
            return
        self._drained = None
        self._set_timer(None)
        if self._close_when_drained:
            self._wire.close()
        else:
            self._connections.rests(self)
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )

    def _set_timer(self, seconds: float | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None if seconds is None else self.loop.call_later(seconds, self._time_is_up)

    def _time_is_up(self) -> None:
        self._timer = None
        self._wire.close()


class _Transport:
    """A transport that closes only after the protocol has read the rest, because closing early resets the client."""

    def __init__(self, transport: Any, protocol: _BoundedHttp) -> None:
        self._transport, self._protocol = transport, protocol

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def close(self) -> None:
        if not self._protocol.close_when_drained():
            self._transport.close()
