"""The stream in the settings: which broker events are taken from, and when the lake gets them."""

from __future__ import annotations

from pydantic import Field, SecretStr, field_validator

from recomart.settings.views import Section


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
