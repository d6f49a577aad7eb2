"""
The security settings of every Kafka client, as librdkafka configuration.

Knows no topic. Does not support SASL without TLS, which would send the password or the data unencrypted.
"""

from streams.config.settings import Settings


def librdkafka_security(settings: Settings) -> dict[str, str]:
    """Return the security settings of a confluent-kafka client (librdkafka's CONFIGURATION.md); empty for plaintext."""
    if settings.kafka_protocol == "plaintext":
        return {}
    files = {
        "ssl.ca.location": settings.kafka_tls_ca,
        "ssl.certificate.location": settings.kafka_tls_cert,
        "ssl.key.location": settings.kafka_tls_key or settings.kafka_tls_cert,
    }
    config = {"security.protocol": settings.kafka_protocol} | {name: str(path) for name, path in files.items() if path}
    if settings.kafka_protocol == "ssl":
        return config
    config["sasl.mechanism"] = settings.kafka_mechanism
    if settings.kafka_mechanism != "OAUTHBEARER":
        return config | {"sasl.username": settings.kafka_username or "", "sasl.password": password(settings)}
    return config | {
        "sasl.oauthbearer.method": "oidc",
        "sasl.oauthbearer.token.endpoint.url": settings.kafka_token_url or "",
        "sasl.oauthbearer.client.id": settings.kafka_username or "",
        "sasl.oauthbearer.client.secret": password(settings),
        **({"sasl.oauthbearer.scope": settings.kafka_scope} if settings.kafka_scope else {}),
    }


def password(settings: Settings) -> str:
    """Return the password as plain text, for a client that accepts nothing else."""
    return settings.kafka_password.get_secret_value() if settings.kafka_password else ""
