// Frames or unframes values by a Schema Registry, as a client that is none of ours does.
// `node peer.mjs URL decode`: base64 lines in, JSON lines out. `node peer.mjs URL encode SUBJECT`: the other way round.
import { createInterface } from "node:readline";

import { SchemaRegistry, SchemaType } from "@kafkajs/confluent-schema-registry";

const [host, direction, subject] = process.argv.slice(2);
const registry = new SchemaRegistry({ host }, { [SchemaType.JSON]: { validateFormats: false } });
const schemaId = direction === "encode" ? await registry.getLatestSchemaId(subject) : undefined;

for await (const line of createInterface({ input: process.stdin })) {
  const answer =
    direction === "encode"
      ? (await registry.encode(schemaId, JSON.parse(line))).toString("base64")
      : JSON.stringify(await registry.decode(Buffer.from(line, "base64")));
  console.log(answer);
}
