"""The embedded broker as a separate process, which reads its faults from stdin."""

import json
import subprocess
import sys


class FaultyBroker:
    """Started ready; `close` it."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "streams", "broker", "--port", "0", "--faults"]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._in, self._out = self._process.stdin, self._process.stdout
        self.address = self._out.readline().split()[-1]

    def strike(self, **fault: object) -> None:
        self._in.write(json.dumps(fault) + "\n")
        self._in.flush()
        assert json.loads(self._out.readline()) == {"ok": True}

    def close(self) -> None:
        self._process.terminate()
        self._process.wait(10)
        self._in.close()
        self._out.close()
