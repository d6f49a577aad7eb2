// Reads the tags topic with KafkaJS: `npm ci`, then `node tags.mjs localhost:9092 outfit.tags my-group`.
import kafkajs from "kafkajs";
import { decompress } from "lz4js";

const { CompressionCodecs, CompressionTypes, Kafka, logLevel } = kafkajs;
const [servers, topic, groupId] = process.argv.slice(2);

// Hangtag compresses with LZ4, and KafkaJS has no LZ4 codec.
CompressionCodecs[CompressionTypes.LZ4] = () => ({
  compress: () => Promise.reject(new Error("this program only reads")),
  decompress: async (bytes) => Buffer.from(decompress(bytes)),
});

// Does the work for one event. It may come twice: make the work idempotent by upload.
function handle({ headers, value }) {
  if (headers.ce_type?.toString() !== "hangtag.outfit-tagged.v1") return; // a later version, which needs another program
  const event = JSON.parse(value.subarray(value[0] === 0 ? 5 : 0).toString()); // skip the zero byte and id of a Schema Registry
  const tags = event.tags.map((tag) => tag.id).join(" ");
  console.log(`${event.shopper_id} ${event.upload_id}${event.backfill ? " (backfill)" : ""}: ${tags}`);
}

const kafka = new Kafka({ clientId: "subscriber", brokers: servers.split(","), logLevel: logLevel.ERROR });
const consumer = kafka.consumer({ groupId });
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => consumer.disconnect());
await consumer.connect();
await consumer.subscribe({ topics: [topic], fromBeginning: true });
// KafkaJS commits a message after eachMessage returns, and not when it throws.
await consumer.run({ eachMessage: async ({ message }) => handle(message) });
