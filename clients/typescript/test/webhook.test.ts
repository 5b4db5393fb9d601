import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { test } from "node:test";
import { verifyWebhook } from "@cloudact/pipelines/webhook";

const SECRET = "whsec_dGVzdA";
const BODY = '{"id":"1","type":"ping","text":"ä€"}';
const AT = 1_800_000_000;

function header(body = BODY, at = AT): string {
  return `t=${at},v1=${createHmac("sha256", SECRET).update(`${at}.${body}`).digest("hex")}`;
}

test("a call of ours is accepted for a day, as text and as bytes", async () => {
  for (const body of [BODY, new TextEncoder().encode(BODY)]) {
    assert.equal(await verifyWebhook(SECRET, header(), body, { nowS: AT + 86_400 }), true);
  }
});

test("anything else is refused", async () => {
  const now = { nowS: AT };
  assert.equal(await verifyWebhook(SECRET, header(), `${BODY} `, now), false);
  assert.equal(await verifyWebhook("whsec_other", header(), BODY, now), false);
  assert.equal(await verifyWebhook("", header(), BODY, now), false);
  assert.equal(await verifyWebhook(SECRET, header().replace(`t=${AT}`, `t=${AT + 1}`), BODY, now), false);
  assert.equal(await verifyWebhook(SECRET, header(), BODY, { nowS: AT + 90_000 }), false);
  assert.equal(await verifyWebhook(SECRET, header(), BODY, { nowS: AT + 61, oldestS: 60 }), false);
  for (const odd of [null, undefined, "", "t=,v1=", "t=1", `t=x,v1=${"0".repeat(64)}`, `${header()},`, header().toUpperCase()]) {
    assert.equal(await verifyWebhook(SECRET, odd, BODY, now), false);
  }
});
