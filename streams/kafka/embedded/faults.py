"""Parses the faults that the embedded broker injects, as JSON. Knows no terminal."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from streams.kafka.embedded.broker import EmbeddedBroker


class _Fault(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Errors(_Fault):
    """`{"fault": "errors", "api": "JoinGroup", "error": "GROUP_AUTHORIZATION_FAILED", "count": 1}`."""

    fault: Literal["errors"]
    api: str
    error: str
    count: int = Field(1, ge=1, le=100_000)

    def strike(self, broker: EmbeddedBroker) -> None:
        """Fail the next requests with an error."""
        broker.errors(self.api, self.error, self.count)


class UpDown(_Fault):
    """`{"fault": "down", "broker": 1}` or `{"fault": "up"}`; no broker means all."""

    fault: Literal["down", "up"]
    broker: int | None = None

    def strike(self, broker: EmbeddedBroker) -> None:
        """Stop brokers, or start them again."""
        (broker.down if self.fault == "down" else broker.up)(self.broker)


class RoundTrip(_Fault):
    """`{"fault": "rtt", "broker": 1, "ms": 200}`; no broker means all."""

    fault: Literal["rtt"]
    broker: int | None = None
    ms: int = Field(ge=0, le=3_600_000)

    def strike(self, broker: EmbeddedBroker) -> None:
        """Delay every response."""
        broker.rtt(self.ms, self.broker)


FAULT: TypeAdapter[Errors | UpDown | RoundTrip] = TypeAdapter(
    Annotated[Errors | UpDown | RoundTrip, Field(discriminator="fault")]
)
