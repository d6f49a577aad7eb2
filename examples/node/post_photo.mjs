// Posts one photo to the HTTP gateway: `node post_photo.mjs http://127.0.0.1:8080 dress.jpg s-42 order-7-photo-1`.
// It needs Node 20 or later, and the gateway's token in HANGTAG_GATEWAY_TOKEN.
import { openAsBlob } from "node:fs";
import { basename } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const [gateway, path, shopper, key] = process.argv.slice(2);
const tryAgain = new Set([408, 409, 503]); // the same request may succeed later

// Posts until the gateway accepts the photo, and returns the upload's id. The same key is the same upload.
async function post(tries = 5) {
  let trouble;
  for (let turn = 0; turn < tries; turn++) {
    const form = new FormData();
    form.set("photo", await openAsBlob(path), basename(path));
    form.set("shopper_id", shopper);
    const headers = { Authorization: `Bearer ${process.env.HANGTAG_GATEWAY_TOKEN}`, "Idempotency-Key": key };
    let seconds = 1;
    try {
      const signal = AbortSignal.timeout(60_000);
      const answer = await fetch(`${gateway}/uploads`, { method: "POST", headers, body: form, signal });
      const text = await answer.text();
      if (answer.status === 202) return JSON.parse(text).upload_id;
      trouble = `${answer.status} ${text}`;
      if (!tryAgain.has(answer.status)) break;
      seconds = Number(answer.headers.get("Retry-After") ?? 1);
    } catch (error) {
      // The gateway may have the photo: with the same key it does not publish it twice.
      trouble = error.cause?.code ?? error.name;
    }
    await sleep(1000 * seconds);
  }
  throw new Error(`not accepted: ${trouble}`);
}

console.log(await post());
