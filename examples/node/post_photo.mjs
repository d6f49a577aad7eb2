// Posts one photo to the HTTP gateway: `node post_photo.mjs http://127.0.0.1:8080 dress.jpg s-42 order-7-photo-1`.
// It needs Node 20 or later, and the gateway's token in HANGTAG_GATEWAY_TOKEN.
import { openAsBlob } from "node:fs";
import { basename } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const [gateway, path, shopper, key] = process.argv.slice(2);
const tryAgain = new Set([408, 409, 503]); // the same request may succeed later

// Posts until the gateway accepts the photo, and returns the upload's id. The same key is the same upload.
async function post(tries = 5) {
  let answer;
  for (let turn = 0; turn < tries; turn++) {
    const form = new FormData();
    form.set("photo", await openAsBlob(path), basename(path));
    form.set("shopper_id", shopper);
    const headers = { Authorization: `Bearer ${process.env.HANGTAG_GATEWAY_TOKEN}`, "Idempotency-Key": key };
    answer = await fetch(`${gateway}/uploads`, { method: "POST", headers, body: form });
    if (answer.status === 202) return (await answer.json()).upload_id;
    if (!tryAgain.has(answer.status)) break;
    await sleep(1000 * Number(answer.headers.get("Retry-After") ?? 1));
  }
  throw new Error(`not accepted: ${answer.status} ${await answer.text()}`);
}

console.log(await post());
