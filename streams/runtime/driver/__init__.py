"""Faust's transport driver on confluent-kafka: a thread polls Kafka and hands over batches to the Faust agent."""
