"""
A real Kafka that asks who one is: passwords and tokens on one port, certificates on another, one with an expired one.

Certificates are made on the spot with openssl; tests administer it in the open, as super user.
"""

import base64
import json
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from cluster import HOST, KafkaCluster, free_port
from confluent_kafka.admin import (
    AdminClient,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

USER, PASSWORD = "hangtag", "planted-password"
#: The user of the brokers' own listener, which accepts every client: the test's administrator.
_SUPER = "User:ANONYMOUS"


class SecuredKafka(KafkaCluster):
    """One broker with three secured ports beside the open one."""

    def __init__(self, certificates: Path) -> None:
        """Take the folder of `make_certificates`."""
        super().__init__()
        self._certificates = certificates
        self._secured = {name: free_port() for name in ("SASL", "MTLS", "EXPIRED")}

    def at(self, listener: str) -> str:
        """Return the address of SASL, MTLS or EXPIRED."""
        return f"{HOST}:{self._secured[listener]}"

    @cached_property
    def admin(self) -> AdminClient:
        """The super user's client. It is kept, because a discarded AdminClient aborts its requests."""
        return AdminClient({"bootstrap.servers": self.bootstrap_servers, "log_level": 0})

    def add_user(self) -> None:
        """Make the SCRAM user; the other mechanisms know it by the broker's settings."""
        scram = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096)
        wanted = UserScramCredentialUpsertion(USER, scram, PASSWORD.encode())
        for done in self.admin.alter_user_scram_credentials([wanted]).values():
            done.result()

    def _differences(self, number: int) -> dict[str, str | int]:
        ours = super()._differences(number)
        modules = "org.apache.kafka.common.security"
        sasl, folder = "listener.name.sasl", self._certificates
        return ours | {
            "listeners": f"{ours['listeners']}," + ",".join(f"{name}://{self.at(name)}" for name in self._secured),
            "listener.security.protocol.map": (
                "BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL:SASL_SSL,MTLS:SSL,EXPIRED:SSL"
            ),
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users": _SUPER,
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": str(folder / "broker.pem"),
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": str(folder / "ca.pem"),
            "ssl.principal.mapping.rules": "RULE:^CN=(.*?)$/$1/",
            "listener.name.mtls.ssl.client.auth": "required",
            "listener.name.expired.ssl.keystore.type": "PEM",
            "listener.name.expired.ssl.keystore.location": str(folder / "expired.pem"),
            f"{sasl}.sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-512,OAUTHBEARER",
            f"{sasl}.plain.sasl.jaas.config": (f'{modules}.plain.PlainLoginModule required user_{USER}="{PASSWORD}";'),
            f"{sasl}.scram-sha-512.sasl.jaas.config": f"{modules}.scram.ScramLoginModule required;",
            # Kafka's own check for tests: the token must be well formed and fresh, and is not signed.
            f"{sasl}.oauthbearer.sasl.jaas.config": (
                f'{modules}.oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="broker";'
            ),
        }


def make_certificates(folder: Path) -> None:
    """Make an authority, and by it a broker's, a client's and an expired broker's certificate, each with its key."""

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

    names = folder / "names"
    names.write_text(f"subjectAltName=IP:{HOST}")
    key = ("-newkey", "rsa:2048", "-nodes")
    openssl("req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=hangtag tests", "-days", "2")
    for name, subject, days in (("broker", HOST, "2"), ("client", USER, "2"), ("expired", HOST, "-1")):
        openssl("req", *key, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={subject}")
        authority = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial")
        signing = ("-in", f"{name}.csr", *authority, "-out", f"{name}.crt", "-days", days, "-extfile", str(names))
        openssl("x509", "-req", *signing)
        together = (folder / f"{name}.key").read_text() + (folder / f"{name}.crt").read_text()
        (folder / f"{name}.pem").write_text(together)


@contextmanager
def token_endpoint() -> Iterator[str]:
    """Serve OAuth 2.0 tokens for the client credentials of USER and PASSWORD only; return the address."""

    class Endpoint(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            form = self.rfile.read(int(self.headers["Content-Length"]))
            known = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
            right = self.headers["Authorization"] == known and b"grant_type=client_credentials" in form
            answer = {"access_token": _token(), "token_type": "bearer", "expires_in": 300} if right else {"error": "no"}
            body = json.dumps(answer).encode()
            self.send_response(200 if right else 401)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer((HOST, 0), Endpoint)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://{HOST}:{server.server_port}/token"
    finally:
        server.shutdown()
        server.server_close()


def _token() -> str:
    now = int(time.time())
    parts = ({"alg": "none"}, {"sub": USER, "iat": now, "exp": now + 300})
    return ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts) + "."
