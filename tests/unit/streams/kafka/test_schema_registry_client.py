"""Wrong answers of a Schema Registry, within its documented API, and the errors for them."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import jsonschema_rs
import pytest
from pydantic import SecretStr, ValidationError

from schemas.codec import UndecodableError, decode
from schemas.events import PhotoUploaded
from schemas.export import json_schemas
from schemas.framing import frame, unframed
from streams.config.settings import Settings
from streams.kafka.schema_registry import RegistryError, frames, register_missing

UNKNOWN = (404, {"error_code": 40401})
NAMES = ("uploads", "texts", "tags", "profiles", "feedback")


class Answering(BaseHTTPRequestHandler):
    """A registry that answers as its server's `answers` say, by method and end of path; else it knows nothing."""

    def do_POST(self):
        self.rfile.read(int(self.headers.get("content-length", 0)))
        self.server.seen.append((self.command, self.path, self.headers.get("authorization")))
        at = f"{self.command} {self.path.rpartition('/')[2]}"
        status, body = self.server.answers.get(at) or self.server.answers.get(self.command, UNKNOWN)
        text = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def do_GET(self):
        self.do_POST()

    def do_PUT(self):
        self.do_POST()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def registry() -> Iterator[ThreadingHTTPServer]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
    server.answers, server.seen = {}, []
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def settings(registry) -> Settings:
    return Settings(
        schema_registry_url=f"http://127.0.0.1:{registry.server_port}/apis/ccompat/v7/",
        schema_registry_username="key",
        schema_registry_password=SecretStr("planted"),
    )


def test_a_user_and_the_password_go_together_where_there_is_a_registry():
    with pytest.raises(ValidationError, match="go together"):
        Settings(schema_registry_url="http://127.0.0.1:1", schema_registry_username="key")
    with pytest.raises(ValidationError, match="go together"):
        Settings(schema_registry_url="http://127.0.0.1:1", schema_registry_password=SecretStr("planted"))
    Settings(schema_registry_url="http://127.0.0.1:1", schema_registry_password=SecretStr(""))
    Settings(schema_registry_password=SecretStr("planted"))


def test_without_an_address_there_is_no_registry():
    none = Settings(schema_registry_url=None)
    assert frames(none) == {}
    assert register_missing(none) == []


def test_each_events_schema_is_looked_up_by_its_topic(settings, registry):
    registry.answers["POST"] = (200, {"id": 70_000})
    assert frames(settings)["outfit.tags"] == b"\x00\x00\x01\x11\x70"
    assert {path for _, path, _ in registry.seen} == {
        f"/apis/ccompat/v7/subjects/outfit.{name}-value"
        for name in ("uploads", "texts", "tags", "profiles", "feedback")
    }
    assert {sent for *_, sent in registry.seen} == {"Basic a2V5OnBsYW50ZWQ="}


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ((404, {"error_code": 40403}), "Register them with `hangtag topics apply`"),
        ((401, b"<html>no</html>"), "Check HANGTAG_SCHEMA_REGISTRY_USERNAME"),
        ((403, {}), "Allow this user to read"),
        ((404, b"<html>what?</html>"), "Check that it is a Schema Registry's address"),
        ((500, {"error_code": 50001}), "Look at the registry's log"),
        ((200, {}), "Is that a Schema Registry?"),
        ((200, {"id": 2**33}), "Is that a Schema Registry?"),
        ((200, {"id": -1}), "Is that a Schema Registry?"),
        ((200, ["x"]), "Is that a Schema Registry?"),
        ((200, b"\xff"), "Is that a Schema Registry?"),
    ],
)
def test_an_invalid_answer_is_reported_with_what_to_do(settings, registry, answer, says):
    registry.answers["POST"] = answer
    with pytest.raises(RegistryError, match=says) as told:
        frames(settings)
    assert "planted" not in f"{told.value!r}{told.value}"


def test_a_schema_that_would_break_the_registered_one_is_refused(settings, registry):
    registry.answers |= {"GET versions": (200, [1]), "POST versions": (409, {"error_code": 409})}
    with pytest.raises(RegistryError, match="set another HANGTAG_TOPIC_PREFIX"):
        register_missing(settings)
    assert "PUT" not in {method for method, *_ in registry.seen}, "only a new subject is told what may change"


def test_a_new_subject_gets_its_compatibility_before_its_first_schema(settings, registry):
    registry.answers |= {"PUT": (200, {"compatibility": "FORWARD"}), "POST versions": (200, {"id": 1})}
    assert register_missing(settings) == [f"outfit.{name}-value" for name in NAMES]
    changes = [(method, path.rpartition("/")[2]) for method, path, _ in registry.seen if "tags" in path]
    assert changes[1:] == [("GET", "versions"), ("PUT", "outfit.tags-value"), ("POST", "versions")]


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "nonsense", "http://[", "ftp://x", "http://127.0.0.1:99999"])
def test_an_address_without_a_registry_is_reported(url):
    with pytest.raises(RegistryError, match="HANGTAG_SCHEMA_REGISTRY_URL"):
        frames(Settings(schema_registry_url=url))


def test_a_file_without_certificates_is_reported(settings, tmp_path):
    (tmp_path / "ca.pem").write_text("none")
    with pytest.raises(RegistryError, match="HANGTAG_SCHEMA_REGISTRY_CA"):
        frames(settings.model_copy(update={"schema_registry_ca": tmp_path / "ca.pem"}))


def test_a_frame_is_a_zero_byte_and_the_id_and_comes_off_again():
    assert frame(1) == b"\0\0\0\0\1"
    assert unframed(frame(2**32 - 1) + b"{}") == unframed(b"{}") == b"{}"
    for value in (b"\0", b"\0\0\0", frame(1), frame(1) + b"junk", frame(1) + frame(2) + b"{}"):
        with pytest.raises(UndecodableError, match="not JSON"):
            decode(PhotoUploaded, value)


def test_our_schemas_say_the_same_in_the_draft_that_registries_know():
    """Draft 7 ignores keywords beside a `$ref`, where we only have descriptions, and knows no newer keywords."""
    newer = {"prefixItems", "dependentRequired", "dependentSchemas", "unevaluatedProperties", "minContains"}

    def look(part: object) -> Iterator[set[str]]:
        if isinstance(part, dict):
            yield part.keys() & newer
            if "$ref" in part:
                yield part.keys() - {"$ref", "description", "title", "default"}
        for one in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
            yield from look(one)

    for text in json_schemas().values():
        schema = json.loads(text)
        assert set().union(*look(schema)) == set()
        jsonschema_rs.Draft7Validator(schema | {"$schema": "http://json-schema.org/draft-07/schema#"})
