"""docker-compose.yml as a stack of its own: its own ports, secrets and volumes, which end with it."""

import re
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path
from typing import Self

from docker_engine import ROOT, docker

#: Every long-running service of ours that the profile `cpu` has. Compose starts those that they need before them.
SERVICES = ("klaviyo", "ocr-cpu", "recognize", "tag", "sync", "gateway", "lag", "canary", "ui")
_PORTS = ("KAFKA_PORT", "SANDBOX_PORT", "UI_PORT", "GATEWAY_PORT")
_STARTS_WITHIN_S = 600


class ComposeStack:
    """
    The services of SERVICES and what they need. A context manager, which removes containers and volumes at its end.

    `gateway_port` and `sandbox_port` are ports of this machine, and `token` is the gateway's.
    """

    def __enter__(self) -> Self:
        """
        Make secrets as docs/deployment.md says, and start the services.

        Raises:
            EngineFailedError: a service did not become healthy; the message has the end of its log.

        """
        # Below the home folder, because not every engine sees /tmp.
        self._folder = Path(tempfile.mkdtemp(prefix=".hangtag-smoke-", dir=Path.home()))
        try:
            self._start()
        except BaseException:
            try:
                self.print_logs()
            finally:
                self._remove()
            raise
        return self

    def _start(self) -> None:
        block = re.search(r"```bash\n# Secrets\n(.*?)```", (ROOT / "docs/deployment.md").read_text(), re.DOTALL)
        subprocess.run(["bash", "-euc", block[1]], cwd=self._folder, check=True)
        secrets = self._folder / ".hangtag/secrets"
        ports = {name: _free_port() for name in _PORTS}
        lines = [f"{name}={port}" for name, port in ports.items()]
        settings = (ROOT / ".env.example").read_text() + "\n".join([f"SECRETS={secrets}", *lines])
        (self._folder / "env").write_text(settings)
        self.gateway_port, self.sandbox_port = ports["GATEWAY_PORT"], ports["SANDBOX_PORT"]
        self.token = (secrets / "HANGTAG_GATEWAY_TOKEN").read_text()
        self.compose("up", "--no-build", "--wait", f"--wait-timeout={_STARTS_WITHIN_S}", *SERVICES, quiet=False)

    def __exit__(self, failure: type[BaseException] | None, *_: object) -> None:
        """Remove all of it; after a failure print the end of every log first."""
        try:
            if failure:
                self.print_logs()
        finally:
            self._remove()

    def compose(self, *arguments: str, quiet: bool = True) -> str:
        """Run a command of Compose for this stack, and return what it printed; raises EngineFailedError."""
        return docker("compose", "-p", "hangtag-smoke", f"--env-file={self._folder}/env", *arguments, quiet=quiet)

    def restarts(self, service: str) -> int:
        """Return how often the engine has restarted the service's first container."""
        container = self.compose("ps", "-q", "--all", service).split()[0]
        return int(docker("inspect", "--format={{.RestartCount}}", container))

    def print_logs(self) -> None:
        """Print the state of each container and the end of its log."""
        print(self.compose("ps", "--all"), self.compose("logs", "--no-color", "--tail=25"), sep="\n")

    def _remove(self) -> None:
        try:
            self.compose("--profile=*", "down", "--volumes", "--remove-orphans", "--timeout=30")
        finally:
            # The folder contains the secrets.
            shutil.rmtree(self._folder)


def _free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return listening.getsockname()[1]
