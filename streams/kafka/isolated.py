"""
Runs questions to Kafka in a child process, so that a crash of librdkafka does not end the process that asks.

librdkafka aborts when requests of an AdminClient time out (github.com/confluentinc/librdkafka/issues/4605): a broker
that freezes for ten seconds is enough. Knows no question itself.
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
    A question that a child process asks, as often as wanted. Close it, or use it as a context manager.

    The child keeps its connections from one question to the next. After a failure the next question starts a new child,
    with new connections.
    """

    def __init__(self, make: Callable[[], Callable[[], Answer]], *, limit_s: float) -> None:
        """
        Set the question; no child starts before it is asked.

        Args:
            make: Runs once in each child, and returns the question. The child imports it by name.
            limit_s: Longest a question may take, in seconds.

        """
        self._make, self._limit_s = make, limit_s
        self._child: tuple[BaseProcess, Connection] | None = None

    def ask(self) -> Answer:
        """
        Ask, and wait for the answer. Where the child crashes, a new child asks once more.

        Raises:
            NoKafkaError: no answer came in time, or the client library crashed twice in a row.
            Exception: whatever the question raised.

        """
        for _ in range(2):
            try:
                answer, error = self._asked()
            except (EOFError, ConnectionError):
                # The child is gone.
                self.close()
                continue
            if error is not None:
                self.close()
                raise error
            found: Answer = answer
            return found
        raise NoKafkaError("Kafka does not answer, and the client library crashed on that", "Look at the brokers")

    def close(self) -> None:
        """End the child."""
        if self._child is None:
            return
        process, link = self._child
        self._child = None
        link.close()
        # Its connections need no goodbye, and a crashed library would not say it.
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
            return None, NoKafkaError(f"Kafka does not answer within {self._limit_s:g} s", "Look at the brokers")
        answer: tuple[Any, Exception | None] = link.recv()
        return answer

    def _start(self) -> tuple[BaseProcess, Connection]:
        # Not forked: librdkafka's threads would not live on in a fork.
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=_serve, args=(theirs, self._make), daemon=True)
        process.start()
        theirs.close()
        return process, ours


def _serve(link: Connection, make: Callable[[], Callable[[], object]]) -> None:
    """Answer questions until the parent is gone."""
    # Ctrl-C at the terminal reaches the whole group; the parent ends this process.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    question = make()
    while True:
        try:
            link.recv()
        except EOFError:
            return
        answer, failure = None, None
        try:
            answer = question()
        except Exception as error:  # noqa: BLE001 - the parent raises it
            failure = error
        link.send((answer, failure))
