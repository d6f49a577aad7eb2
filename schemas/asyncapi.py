"""
Builds the AsyncAPI 3.0 document of the topics and events, for producers and subscribers. Pure: writes no file.

Format: https://www.asyncapi.com/docs/reference/specification/v3.0.0, with its Kafka bindings 0.5.0.
"""

from collections.abc import Mapping
from typing import Any

from pydantic.json_schema import models_json_schema

from schemas.events import EVENTS, Event
from schemas.topics import TIMESTAMPS, Topic, topics

Part = dict[str, Any]

_BINDINGS = "0.5.0"
#: What each topic is for, by its field name in `Topics`.
_ABOUT = {
    "uploads": "Publish here: a photo was stored.",
    "texts": "The text in each photo, empty when there is none.",
    "tags": "Subscribe here: the fashion tags of each upload.",
    "profiles": "The uploads that are now part of a shopper's Klaviyo profile.",
    "feedback": "Photos that could not be used, with a message for the shopper.",
}
_DEAD = (
    "Messages of `{}` that could not be processed: the original key, value and headers, plus headers with the reason."
)
#: Headers that the flow adds to a dead letter. The names follow Kafka Connect (KIP-298).
LETTER_HEADERS = {
    "__connect.errors.topic": "Topic of the original message.",
    "__connect.errors.partition": "Partition of the original message.",
    "__connect.errors.offset": "Offset of the original message.",
    "__connect.errors.stage": "Stage that could not process the message.",
    "__connect.errors.exception.class.name": "Class of the error.",
    "__connect.errors.exception.message": "The error as a sentence, without the event's content.",
    "hangtag.reason": "The reason as a short code.",
    "hangtag.attempts": "How often the stage tried.",
}
_CLOUD_EVENT = {
    "ce_specversion": ("Version of CloudEvents.", {"const": "1.0"}),
    "ce_id": ("The upload's id. `ce_id` and `ce_source` together identify the event; drop duplicates by them.", {}),
    "ce_type": ("Type of the event, with its version. Ignore types that you do not know.", {}),
    "ce_source": ("Producer of the event, for example `hangtag/tag`.", {}),
    "ce_time": ("Time of the event.", {"format": "date-time"}),
    "content-type": ("Media type of the value.", {"const": "application/json"}),
    "traceparent": ("W3C trace context of the cause, if its producer sent one.", {}),
    "tracestate": ("W3C trace state of the cause, sent together with `traceparent`.", {}),
}


def document(version: str, examples: Mapping[str, Mapping[str, Any]]) -> Part:
    """
    Return the document as plain data.

    Args:
        version: Hangtag's version.
        examples: Events that were really published, by `ce_type`, each with its `headers` and `value`.

    """
    named = {field: getattr(topics(), field) for field in topics().__dataclass_fields__}
    schemas, definitions = models_json_schema(
        [(event, "validation") for event in EVENTS], ref_template="#/components/schemas/{model}"
    )
    del schemas
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Hangtag",
            "version": version,
            "description": (
                "Turns photos of outfits into fashion tags on Klaviyo profiles. Every message is keyed by "
                "`shopper_id`, so a shopper's events keep their order. Delivery is at least once: a duplicate has "
                "the same `ce_id` and `ce_source`. New fields may appear at any time; a breaking change gets a new "
                "`ce_type`. Topic names begin with `outfit`, or with the value of HANGTAG_TOPIC_PREFIX."
            ),
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": {
            "kafka": {
                "host": "{bootstrap}",
                "protocol": "kafka",
                "description": "Your cluster.",
                "variables": {"bootstrap": {"default": "localhost:9092", "description": "A broker's address."}},
            }
        },
        "channels": {name: _channel(name, topic) for name, topic in named.items()},
        "operations": {
            f"{'receive' if name == 'uploads' else 'send'}_{name}": {
                "action": "receive" if name == "uploads" else "send",
                "channel": {"$ref": f"#/channels/{name}"},
                "summary": _about(name, topic),
            }
            for name, topic in named.items()
        },
        "components": {
            "messages": {event.__name__: _message(event, examples[event.ce_type]) for event in EVENTS}
            | {"DeadLetter": _dead_letter()},
            "schemas": definitions["$defs"]
            | {"CloudEventHeaders": _headers(), "DeadLetterHeaders": _strings(LETTER_HEADERS)},
        },
    }


def _channel(name: str, topic: Topic) -> Part:
    message = topic.event.__name__ if topic.event else "DeadLetter"
    return {
        "address": topic.name,
        "description": _about(name, topic),
        "messages": {message: {"$ref": f"#/components/messages/{message}"}},
        "bindings": {
            "kafka": {
                "topic": topic.name,
                "partitions": topic.partitions,
                "topicConfiguration": {
                    "cleanup.policy": ["delete"],
                    "retention.ms": int(topic.retention.total_seconds() * 1000),
                    "max.message.bytes": topic.max_message_bytes,
                    "message.timestamp.type": TIMESTAMPS,
                },
                "bindingVersion": _BINDINGS,
            }
        },
    }


def _about(name: str, topic: Topic) -> str:
    return _ABOUT.get(name) or _DEAD.format(topic.name.removesuffix(".dlq"))


def _message(event: type[Event], example: Mapping[str, Any]) -> Part:
    return {
        "name": event.ce_type,
        "title": event.__name__,
        "summary": (event.__doc__ or "").strip(),
        "contentType": "application/json",
        "correlationId": {"location": "$message.header#/ce_id", "description": "The upload."},
        "headers": {"$ref": "#/components/schemas/CloudEventHeaders"},
        "payload": {"$ref": f"#/components/schemas/{event.__name__}"},
        "bindings": {"kafka": _key()},
        "examples": [
            {"name": "published", "summary": "An event as Hangtag published it.", "headers": example["headers"]}
            | {"payload": example["value"]}
        ],
    }


def _dead_letter() -> Part:
    return {
        "name": "dead-letter",
        "title": "DeadLetter",
        "summary": "A message that a stage could not process; `hangtag dlq` lists, shows and replays them.",
        "headers": {"$ref": "#/components/schemas/DeadLetterHeaders"},
        "payload": {"description": "The original value, byte for byte."},
        "bindings": {"kafka": _key()},
    }


def _key() -> Part:
    return {"key": {"type": "string", "description": "The `shopper_id`."}, "bindingVersion": _BINDINGS}


def _headers() -> Part:
    strings = _strings({name: about for name, (about, _rule) in _CLOUD_EVENT.items()})
    for name, (_about, rule) in _CLOUD_EVENT.items():
        strings["properties"][name] |= rule
    strings["required"] = [name for name in _CLOUD_EVENT if not name.startswith("trace")]
    return strings | {"description": "CloudEvents 1.0, binary mode: UTF-8 bytes."}


def _strings(about: Mapping[str, str]) -> Part:
    return {
        "type": "object",
        "properties": {name: {"type": "string", "description": text} for name, text in about.items()},
        "required": list(about),
    }
