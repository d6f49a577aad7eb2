// Publishes one upload to Kafka:
// `npm ci`, then `node publish_upload.mjs localhost:9092 outfit.uploads s-42 u-1 s3://photos/s-42/u-1.jpg`.
// Store the photo first: Hangtag reads it at the address that the event names.
import kafkajs from "kafkajs";

const { Kafka, Partitioners, logLevel } = kafkajs;
const [servers, topic, shopper, upload, uri] = process.argv.slice(2);

const kafka = new Kafka({ clientId: "shop", brokers: servers.split(","), logLevel: logLevel.ERROR });
// KafkaJS 2 hashes keys by murmur2, as Java does, so that a shopper has one partition.
const producer = kafka.producer({ idempotent: true, createPartitioner: Partitioners.DefaultPartitioner });
await producer.connect();
const event = { upload_id: upload, shopper_id: shopper, uploaded_at: new Date().toISOString(), photo: { uri } };
// `acks: -1` waits until all in-sync replicas have the event; `send` throws if they do not.
const [written] = await producer.send({ topic, acks: -1, messages: [{ key: shopper, value: JSON.stringify(event) }] });
console.log(written.partition, written.baseOffset);
await producer.disconnect();
