"""
A real Apache Kafka on this machine, one broker or three, for tests and local work. Knows nothing of ours.

Run as a script it serves in the foreground: `python tests/kafka/cluster.py --help`.
Kafka itself is fetched by fetch.py beside this, and set up by the files of deploy/kafka.
"""

import argparse
import base64
import contextlib
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path
from typing import Self

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from fetch import ServerMissingError, fetched

DEPLOY = Path(__file__).resolve().parents[2] / "deploy" / "kafka"
HOST = "127.0.0.1"


class KafkaFailedError(RuntimeError):
    """Kafka, or one of its tools, failed; the message quotes the end of its log."""


def libraries() -> Path:
    """Return the folder of Kafka's jars; raises as `fetched`."""
    return fetched("kafka")


def class_archive() -> Path:
    """Return the file that class_archive.py makes, whether or not it is there; raises as `libraries`."""
    return libraries() / "classes.jsa"


def java(*words: str) -> list[str]:
    """Return the command line that runs a class of Kafka's: its name and arguments; raises as `libraries`."""
    fast = [f"-XX:SharedArchiveFile={class_archive()}"] if class_archive().exists() else []
    return ["java", f"@{DEPLOY / 'jvm.options'}", *fast, "-cp", f"{libraries()}/*", *words]


class KafkaCluster:
    """
    Apache Kafka in KRaft mode: every broker is a controller too, on ports of 127.0.0.1 outside the kernel's own range.

    A context manager. Without a `data_dir`, data and logs are in a temporary folder that ends with the cluster. No
    process stays behind, however this one ends. Brokers are numbered from 1. With three, a topic's default is three
    replicas, of which two must have a message (`min.insync.replicas=2`).
    """

    def __init__(self, brokers: int = 1, data_dir: Path | None = None, port: int | None = None) -> None:
        """Set the number of brokers, the folder to keep data in, and the first broker's port."""
        self._numbers = range(1, brokers + 1)
        self._ports = {n: port + n - 1 if port else free_port() for n in self._numbers}
        self._controllers = {n: free_port() for n in self._numbers}
        self._kept = data_dir.resolve() if data_dir else None
        self._processes: dict[int, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Self:
        """
        Start every broker and wait until all serve.

        Raises:
            ServerMissingError: as `libraries`.
            KafkaFailedError: a broker did not start; its log is quoted.

        """
        libraries()
        if taken := [port for port in self._ports.values() if not _is_free(port)]:
            raise KafkaFailedError(f"port {taken[0]} is taken")
        self.data_dir = self._kept or Path(tempfile.mkdtemp(prefix="hangtag-kafka-"))
        guard = [sys.executable, str(Path(__file__).with_name("guard.py"))]
        guard += [] if self._kept else [str(self.data_dir)]
        self._guard = subprocess.Popen(guard, stdin=subprocess.PIPE, start_new_session=True, text=True)
        try:
            self._format()
            for number in self._numbers:
                self._launch(number)
            for number in self._numbers:
                self._await(number)
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Stop every broker."""
        self.close()

    def close(self) -> None:
        """Stop every broker: at once where the data goes too, in order where it is kept."""
        for process in self._processes.values():
            process.send_signal(signal.SIGCONT)
            process.send_signal(signal.SIGTERM if self._kept else signal.SIGKILL)
        for number in tuple(self._processes):
            self._reap(number)
        if self._guard.stdin:
            self._guard.stdin.close()
        self._guard.wait()

    @property
    def bootstrap_servers(self) -> str:
        """Every broker's `127.0.0.1:port`, comma separated."""
        return ",".join(f"{HOST}:{port}" for port in self._ports.values())

    def log(self, number: int) -> Path:
        """Return the file with a broker's warnings and errors."""
        return self.data_dir / f"broker-{number}.log"

    def pid(self, number: int) -> int:
        """Return a running broker's process id."""
        return self._processes[number].pid

    def start(self, number: int) -> None:
        """Start a broker that was stopped or killed, on its old port and data, and wait until it serves."""
        self._launch(number)
        self._await(number)

    def stop(self, number: int) -> None:
        """Stop a broker in order: it hands over what it leads, then ends."""
        self._processes[number].terminate()
        self._reap(number)

    def kill(self, number: int) -> None:
        """End a broker as a power cut would."""
        self._processes[number].kill()
        self._reap(number)

    def pause(self, number: int) -> None:
        """Freeze a broker: its connections stay open and nothing answers."""
        self._processes[number].send_signal(signal.SIGSTOP)

    def resume(self, number: int) -> None:
        """Let a frozen broker go on."""
        self._processes[number].send_signal(signal.SIGCONT)

    def wait(self) -> None:
        """Wait until broker 1 ends by itself."""
        self._processes[1].wait()

    def await_in_sync(self, timeout_s: float = 60) -> None:
        """Wait until every partition has all its replicas in sync; raises TimeoutError after `timeout_s` seconds."""
        admin = AdminClient({"bootstrap.servers": self.bootstrap_servers, "log_level": 0})
        give_up = time.monotonic() + timeout_s
        while time.monotonic() < give_up:
            with contextlib.suppress(KafkaException):
                topics = admin.list_topics(timeout=2).topics.values()
                if all(len(p.isrs) == len(p.replicas) for t in topics for p in t.partitions.values()):
                    return
            time.sleep(0.1)
        raise TimeoutError(f"some partitions lack replicas after {timeout_s} s")

    @staticmethod
    def tool(main_class: str, *arguments: str) -> str:
        """
        Run one of Kafka's command line tools, by its class (docs/kafka.md), and return what it prints.

        Raises:
            KafkaFailedError: it failed; its output is quoted.

        """
        done = subprocess.run(java(main_class, *arguments), capture_output=True, text=True, check=False)
        if done.returncode:
            raise KafkaFailedError(f"{main_class} failed:\n{(done.stdout + done.stderr)[-2000:]}")
        return done.stdout

    def _format(self) -> None:
        cluster_id = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        formatting = {}
        for number in self._numbers:
            folder = self.data_dir / f"broker-{number}"
            folder.mkdir(parents=True, exist_ok=True)
            self._settings(number).write_text(
                (DEPLOY / "server.properties").read_text()
                + "".join(f"{name}={value}\n" for name, value in self._differences(number).items())
            )
            if not (folder / "meta.properties").exists():
                formatting[number] = self._spawn(
                    number, "kafka.tools.StorageTool", "format", f"--cluster-id={cluster_id}", "--config"
                )
        for number, process in formatting.items():
            if process.wait():
                raise KafkaFailedError(f"the storage of broker {number} could not be formatted:\n{self._said(number)}")

    def _settings(self, number: int) -> Path:
        return self.data_dir / f"broker-{number}.properties"

    def _differences(self, number: int) -> dict[str, str | int]:
        replicas = len(self._numbers)
        internal = {
            f"{topic}.{setting}": value
            for topic in ("transaction.state.log", "share.coordinator.state.topic")
            for setting, value in (("replication.factor", replicas), ("min.isr", min(2, replicas)))
        }
        return {
            "node.id": number,
            "controller.quorum.voters": ",".join(f"{n}@{HOST}:{port}" for n, port in self._controllers.items()),
            "listeners": f"BROKER://{HOST}:{self._ports[number]},CONTROLLER://{HOST}:{self._controllers[number]}",
            "log.dirs": str(self.data_dir / f"broker-{number}"),
            "default.replication.factor": replicas,
            "min.insync.replicas": min(2, replicas),
            "offsets.topic.replication.factor": replicas,
            **internal,
        }

    def _spawn(self, number: int, *words: str) -> subprocess.Popen[bytes]:
        command = java(*words, str(self._settings(number)))
        with self.log(number).open("ab") as log:
            # A session of its own: Ctrl-C at the terminal is for us alone.
            return subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)

    def _launch(self, number: int) -> None:
        self._processes[number] = process = self._spawn(number, "kafka.Kafka")
        self._tell_guard(f"+{process.pid}")

    def _reap(self, number: int) -> None:
        process = self._processes.pop(number)
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        self._tell_guard(f"-{process.pid}")

    def _tell_guard(self, line: str) -> None:
        with contextlib.suppress(BrokenPipeError):
            if self._guard.stdin:
                print(line, file=self._guard.stdin, flush=True)

    def _await(self, number: int, timeout_s: float = 60) -> None:
        give_up = time.monotonic() + timeout_s
        while time.monotonic() < give_up and self._processes[number].poll() is None:
            # A new client each time: it can only ask this broker, not one it learned of before.
            admin = AdminClient({"bootstrap.servers": f"{HOST}:{self._ports[number]}", "log_level": 0})
            with contextlib.suppress(KafkaException):
                if number in admin.list_topics(timeout=0.5).brokers:
                    return
        raise KafkaFailedError(f"broker {number} did not start:\n{self._said(number)}")

    def _said(self, number: int) -> str:
        return "\n".join(self.log(number).read_text(errors="replace").splitlines()[-30:])


def free_port() -> int:
    """Return a free port of 127.0.0.1 that no other process gets."""
    # Below the kernel's own range, so that no other process gets it while a broker is down.
    while not _is_free(port := random.randrange(20_000, 32_000)):
        pass
    return port


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def main() -> None:
    """Serve in the foreground until Ctrl-C."""
    parser = argparse.ArgumentParser(description="Run a real Apache Kafka in the foreground, until Ctrl-C.")
    parser.add_argument("--brokers", type=int, choices=(1, 3), default=1)
    parser.add_argument("--port", type=int, default=9092, help="the first broker's; the others follow it")
    parser.add_argument("--data-dir", type=Path, help="keep data and logs here; default: gone when it stops")
    options = parser.parse_args()
    for stopping in (signal.SIGINT, signal.SIGTERM):
        signal.signal(stopping, signal.default_int_handler)
    try:
        with KafkaCluster(options.brokers, options.data_dir, options.port) as cluster:
            print(f"Apache Kafka ready on {cluster.bootstrap_servers}", flush=True)
            print(f"Data and logs in {cluster.data_dir}; Ctrl-C stops it", flush=True)
            cluster.wait()
            sys.exit(f"Kafka ended by itself:\n{cluster._said(1)}")
    except (ServerMissingError, KafkaFailedError) as error:
        sys.exit(f"Kafka did not start: {error}")
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
