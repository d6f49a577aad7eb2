"""A real Schema Registry for the tests: Apicurio's, in memory. Its jars are fetched by fetch.py beside this."""

import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Self

import httpx
from cluster import HOST, KafkaFailedError, free_port
from fetch import fetched

#: Where it speaks Confluent's API.
PATH = "/apis/ccompat/v7"


class Registry:
    """Apicurio Registry on a free port of 127.0.0.1. A context manager; its process never stays behind."""

    def __enter__(self) -> Self:
        """
        Start it and wait until it serves.

        Raises:
            ServerMissingError: as `fetched`.
            KafkaFailedError: it did not start; its log is quoted.

        """
        port = free_port()
        self.url = f"http://{HOST}:{port}{PATH}"
        options = ["-XX:TieredStopAtLevel=1", "-Xmx512m", f"-Dquarkus.http.host={HOST}", f"-Dquarkus.http.port={port}"]
        command = ["java", *options, "-jar", str(next(fetched("registry").glob("*-runner.jar")))]
        self._log = tempfile.TemporaryFile()
        self._process = subprocess.Popen(command, stdout=self._log, stderr=self._log, start_new_session=True)
        self._guard = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("guard.py"))], stdin=subprocess.PIPE, text=True
        )
        assert self._guard.stdin
        print(f"+{self._process.pid}", file=self._guard.stdin, flush=True)
        try:
            self._await()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Stop it."""
        self.close()

    def close(self) -> None:
        """Stop it at once: it keeps nothing."""
        self._process.kill()
        self._process.wait()
        assert self._guard.stdin
        self._guard.stdin.close()
        self._guard.wait()
        self._log.close()

    def _await(self, timeout_s: float = 90) -> None:
        give_up = time.monotonic() + timeout_s
        with httpx.Client(trust_env=False) as client:
            while time.monotonic() < give_up and self._process.poll() is None:
                with suppress(httpx.HTTPError):
                    if client.get(f"{self.url}/subjects", timeout=2).is_success:
                        return
                time.sleep(0.1)
        self._log.seek(0)
        raise KafkaFailedError(f"the registry did not start:\n{self._log.read()[-2000:].decode()}")
