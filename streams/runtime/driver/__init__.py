"""Faust's transport driver on confluent-kafka: a thread polls Kafka and passes batches to the Faust agent."""
