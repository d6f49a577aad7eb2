// Reads AsyncAPI documents and says what the official parser finds wrong in each: one JSON array of sentences a line.
import { readFileSync } from "node:fs";
import { Parser } from "@asyncapi/parser";

const parser = new Parser();
for (const file of process.argv.slice(2)) {
  const { diagnostics } = await parser.parse(readFileSync(file, "utf8"));
  const wrong = diagnostics.filter(({ severity }) => severity <= 1); // 0 is an error, 1 a warning
  console.log(JSON.stringify(wrong.map(({ path, message }) => `${path.join(".")}: ${message}`)));
}
