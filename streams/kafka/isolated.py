"""
Runs requests to Kafka in a child process, so that a crash of librdkafka does not end this process.

librdkafka aborts when requests of an AdminClient time out (github.com/confluentinc/librdkafka/issues/4605): a broker
that freezes for ten seconds is enough. Knows no request itself.
"""

import multiprocessing
import signal
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any, Generic, Self, TypeVar

from streams.kafka.clients import NoKafkaError

Answer = TypeVar("Answer")


class Isolated(Generic[Answer]):
    """
    A request that a child process makes, repeatedly if needed. Close it, or use it as a context manager.

    The child keeps its connections between requests. After a failure the next request starts a new child with new
    connections.
    """

    def __init__(self, make: Callable[[], Callable[[], Answer]], *, limit_s: float) -> None:
        """
        Set the request; the child starts at the first `ask`.

        Args:
            make: Runs once in each child and returns the request. The child imports it by name.
            limit_s: Longest time in seconds for a request.

        """
        self._make, self._limit_s = make, limit_s
        self._child: tuple[BaseProcess, Connection] | None = None

    def ask(self) -> Answer:
        """
        Make the request and wait for the result. If the child crashes, a new child tries once more.

        Raises:
            NoKafkaError: No result came in time, or the client library crashed twice in a row.
            Exception: Whatever the request raised.

        """
        for _ in range(2):
            try:
                answer, error = self._asked()
            except (EOFError, ConnectionError):
                # The child has crashed.
                self.close()
                continue
            if error is not None:
                self.close()
                raise error
            found: Answer = answer
            return found
        raise NoKafkaError(
            "Kafka does not respond, and the client library crashed because of that", "Check the brokers"
        )

    def close(self) -> None:
        """End the child."""
        if self._child is None:
            return
        process, link = self._child
        self._child = None
        link.close()
        # Kill it: its connections need no orderly close, and a crashed library would not do one.
        process.kill()
        process.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _asked(self) -> tuple[Any, Exception | None]:
        _process, link = self._child = self._child or self._start()
        link.send(None)
        if not link.poll(self._limit_s):
            return None, NoKafkaError(f"Kafka does not respond within {self._limit_s:g} s", "Check the brokers")
        answer: tuple[Any, Exception | None] = link.recv()
        return answer

    def _start(self) -> tuple[BaseProcess, Connection]:
        # Spawn instead of fork, because librdkafka's threads do not survive a fork.
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=_serve, args=(theirs, self._make), daemon=True)
        process.start()
        theirs.close()
        return process, ours


def _serve(link: Connection, make: Callable[[], Callable[[], object]]) -> None:
    """Run requests until the parent exits."""
    # Ctrl-C in a terminal reaches the whole group, but the parent ends this process.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    question = make()
    while True:
        try:
            link.recv()
            link.send(_answer(question))
        except (EOFError, ConnectionError):
            return


def _answer(question: Callable[[], object]) -> tuple[object, Exception | None]:
    try:
        return question(), None
    except Exception as error:  # noqa: BLE001 - the parent raises it
        return None, error
