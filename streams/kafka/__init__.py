"""Kafka clients, security, topics, the schema registry and the embedded broker. Knows no Faust."""
