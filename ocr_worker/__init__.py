"""Picture to text: engines behind one protocol, a server around them, a pool in front of many. Knows no Kafka."""
