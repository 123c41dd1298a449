"""The stream in the settings: which broker events are taken from, and when the lake gets them."""

from __future__ import annotations

from pydantic import Field, SecretStr, field_validator, model_validator

from recomart.settings.views import Section

PUBLISHED_BYTES = 16_384
"""What the API publishes of an event is less: its texts are short."""


class StreamSettings(Section):
    """Where `recomart stream` takes events from. They go into the event log, then into the lake."""

    url: str = Field(
        "", description="kafka://host:9092,host2:9092, redis://…, nats://… or amqp://… (RabbitMQ)"
    )
    topic: str = Field(
        "events", description="topic (Kafka), stream (Redis), subject (NATS) or queue (RabbitMQ)"
    )
    group: str = Field(
        "recomart", description="consumer group (Redis), durable consumer (NATS), client's name"
    )
    options: dict[str, SecretStr] = Field(
        default={},
        description="of the client's library, such as {sasl_username: …}; never printed. Kafka's "
        "are written with _ for their dots",
    )
    publish: bool = Field(
        False,
        description="the API publishes its events there, instead of writing the event log itself",
    )
    batch: int = Field(5_000, ge=1, le=50_000, description="messages of one transaction, at most")
    max_message_bytes: int = Field(
        65_536, ge=256, description="of one message; a larger one goes to quarantine"
    )
    commit_s: float = Field(
        60.0,
        gt=0,
        description="how often the lake is brought what came since; each time adds a "
        "file to its raw layer",
    )
    metrics_host: str = Field("127.0.0.1", description="address that metrics are told at")
    metrics_port: int | None = Field(
        None, ge=0, le=65_535, description="port of the metrics; 0: any that is free; null: none"
    )

    @model_validator(mode="after")
    def _can_publish(self) -> StreamSettings:
        if self.publish and not self.url:
            raise ValueError("publish: true wants a url of the broker")
        if self.publish and self.max_message_bytes < PUBLISHED_BYTES:
            least = f"max_message_bytes of at least {PUBLISHED_BYTES:,}"
            raise ValueError(f"publish: true wants a {least}, so that all are taken again")
        return self

    @field_validator("options", mode="before")
    @classmethod
    def _as_text(cls, options: object) -> object:
        """Read numbers and truths, as YAML knows them, as the text that libraries take."""
        if not isinstance(options, dict):
            return options
        return {
            name: str(value).lower() if isinstance(value, bool | int | float) else value
            for name, value in options.items()
        }
