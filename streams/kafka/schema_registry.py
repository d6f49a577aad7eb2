"""
The client of a Schema Registry, if configured: registers events' schemas, and looks up the frames of values.

Makes three documented requests over httpx
(https://docs.confluent.io/platform/current/schema-registry/develop/api.html);
docs/dependencies.md says why not with Confluent's client. A topic's subject is `<topic>-value`, as Confluent's
serializers name it. schemas/framing.py defines the frame.
"""

import json
import ssl
from types import TracebackType
from typing import Final, Self
from urllib.parse import quote

import httpx

from schemas.events import Event, PhotoUploaded
from schemas.export import json_schemas
from schemas.framing import LARGEST_ID, frame
from schemas.topics import topics
from streams.config.settings import Settings, UnusableError

_TIMEOUT_S: Final = 10
#: 40401: unknown subject; 40403: the subject does not have this schema.
_NOT_FOUND: Final = {40401, 40403}
#: The newest JSON Schema draft that all registries and clients support. A test shows that our schemas mean the same.
_DRAFT: Final = "http://json-schema.org/draft-07/schema#"
_ADVICE: Final = {
    401: "Check HANGTAG_SCHEMA_REGISTRY_USERNAME and HANGTAG_SCHEMA_REGISTRY_PASSWORD",
    403: "Allow this user to read the schemas of these subjects, and to write them for `hangtag topics apply`",
    404: "Check that it is a Schema Registry's address. Some have a path, such as /apis/ccompat/v7",
    409: "It is not compatible with the registered schema. If that belongs to another program, set another"
    " HANGTAG_TOPIC_PREFIX; if it is an older one of Hangtag, set that subject's compatibility to NONE this once",
}
#: For events that we publish: readers of an older schema read newer events, so fields may be added but not removed.
_COMPATIBILITY: Final = "FORWARD"
#: For events that others publish, Hangtag accepts more over time. No compatibility level of a registry expresses
#: that, so our own test checks it (tests/contract/test_compatibility.py).
_NO_COMPATIBILITY: Final = "NONE"


class RegistryError(UnusableError):
    """The registry did not respond, refused, or lacks a schema. The message says what to do; it has no secret."""


class SchemaRegistry:
    """A client of the registry. Blocks; a context manager."""

    def __init__(self, settings: Settings) -> None:
        """
        Create the client.

        Raises:
            RegistryError: The address is not valid, or the CA file has no certificates.

        """
        user, password = settings.schema_registry_username, settings.schema_registry_password
        try:
            verify = ssl.create_default_context(cafile=settings.schema_registry_ca)
            self._http = httpx.Client(
                base_url=settings.schema_registry_url or "",
                auth=(user, password.get_secret_value()) if user and password else None,
                headers={"content-type": "application/vnd.schemaregistry.v1+json"},
                verify=verify,
                timeout=_TIMEOUT_S,
            )
        except (ssl.SSLError, OSError):
            raise RegistryError("HANGTAG_SCHEMA_REGISTRY_CA: the file contains no certificates (PEM)") from None
        except httpx.InvalidURL:
            raise RegistryError("HANGTAG_SCHEMA_REGISTRY_URL: that is no http(s) address") from None

    def __enter__(self) -> Self:
        """Return the client itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connections."""
        self._http.close()

    def find(self, subject: str, event: type[Event]) -> int | None:
        """
        Return the id of an event's current schema, or None if it is not registered.

        Raises:
            RegistryError: See the class.

        """
        answer = self._ask("POST", f"/subjects/{quote(subject, safe='')}", _schema(event))
        return None if answer is None else _id(answer)

    def register(self, subject: str, event: type[Event]) -> None:
        """
        Register an event's schema. Sets the compatibility level of a new subject.

        Raises:
            RegistryError: See the class; also if the schema is not compatible with the registered one.

        """
        name = quote(subject, safe="")
        if self._ask("GET", f"/subjects/{name}/versions") is None:
            level = _NO_COMPATIBILITY if event is PhotoUploaded else _COMPATIBILITY
            self._ask("PUT", f"/config/{name}", {"compatibility": level})
        _id(self._ask("POST", f"/subjects/{name}/versions", _schema(event)) or {})

    def _ask(self, method: str, path: str, body: dict[str, str] | None = None) -> dict[str, object] | None:
        """Send a request and return the response; None if the registry does not know the subject or schema."""
        try:
            response = self._http.request(method, path, json=body)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            trouble = f"no Schema Registry responds there ({type(error).__name__})"
            raise _refused(trouble, "Start it, or correct the address") from None
        answer = _json(response)
        if response.is_success:
            return answer
        if answer.get("error_code") in _NOT_FOUND:
            return None
        trouble = f"{method} {path}: {response.status_code}"
        raise _refused(trouble, _ADVICE.get(response.status_code, "Look at the registry's log"))


def frames(settings: Settings) -> dict[str, bytes]:
    """
    Return the frame of each topic's events; empty if no registry is configured.

    Raises:
        RegistryError: See the class; also if a schema is not registered.

    """
    if not settings.schema_registry_url:
        return {}
    with SchemaRegistry(settings) as registry:
        found = {topic: registry.find(_subject(topic), event) for topic, event in _with_events(settings)}
    if missing := [topic for topic, schema_id in found.items() if schema_id is None]:
        listed = ", ".join(missing)
        raise RegistryError(
            f"the events of {listed} have no schema registered. Register them with `hangtag topics apply`"
        )
    return {topic: frame(schema_id) for topic, schema_id in found.items() if schema_id is not None}


def register_missing(settings: Settings) -> list[str]:
    """
    Register the missing schemas, if a registry is configured, and return their subjects.

    Raises:
        RegistryError: See the class.

    """
    if not settings.schema_registry_url:
        return []
    with SchemaRegistry(settings) as registry:
        wanted = {_subject(topic): event for topic, event in _with_events(settings)}
        missing = [subject for subject, event in wanted.items() if registry.find(subject, event) is None]
        for subject in missing:
            registry.register(subject, wanted[subject])
    return missing


def _with_events(settings: Settings) -> list[tuple[str, type[Event]]]:
    return [(topic.name, topic.event) for topic in topics(settings.topic_prefix).all() if topic.event is not None]


def _subject(topic: str) -> str:
    return f"{topic}-value"


def _schema(event: type[Event]) -> dict[str, str]:
    schema = json.loads(json_schemas()[f"{event.ce_type}.json"]) | {"$schema": _DRAFT}
    return {"schemaType": "JSON", "schema": json.dumps(schema, ensure_ascii=False)}


def _id(answer: dict[str, object]) -> int:
    schema_id = answer.get("id")
    if not isinstance(schema_id, int) or not 0 <= schema_id <= LARGEST_ID:
        raise _refused("its response has no id", "Is that a Schema Registry?")
    return schema_id


def _json(response: httpx.Response) -> dict[str, object]:
    try:
        answer = response.json()
    except ValueError:
        # The body is empty or a proxy's page. The status alone decides.
        return {}
    return answer if isinstance(answer, dict) else {}


def _refused(trouble: str, advice: str) -> RegistryError:
    return RegistryError(f"HANGTAG_SCHEMA_REGISTRY_URL: {trouble}. {advice}")
