/** Verification of webhook calls by WebCrypto: in Node, Deno, browsers and workers alike. */

/** An event as it is posted. Fields may be added; `version` is counted up if one changes its meaning. */
export interface WebhookEvent {
  /** The same for each delivery of one event: remember the ids of two days. */
  id: string;
  type:
    | "run_failed" | "cost_fell" | "cost_anomaly" | "budget_threshold" | "budget_forecast" | "balance_low"
    | "dates_given_up" | "integration_invalid" | "quota_near"
    | "quota_reached" | "ping"
    | (string & {});
  version: number;
  created_at: string;
  org_slug: string;
  data: Record<string, unknown>;
}

export interface VerifyOptions {
  /** Seconds since the event was queued after which it is refused; 90,000, since it is delivered again for a day. */
  oldestS?: number;
  /** Seconds since 1970; for tests. */
  nowS?: number;
}

/**
 * Whether the call is ours and not too old. `header` is that of `CloudAct-Signature`, `body` the body as it came, before
 * any JSON parser: `await request.text()` or its bytes.
 */
export async function verifyWebhook(
  secret: string, header: string | null | undefined, body: string | Uint8Array<ArrayBuffer>, options: VerifyOptions = {},
): Promise<boolean> {
  const [, at, hex] = /^t=(\d{1,12}),v1=([0-9a-f]{64})$/.exec(header ?? "") ?? [];
  if (!at || !hex || !secret) return false;
  const key = await crypto.subtle.importKey("raw", bytes(secret), { name: "HMAC", hash: "SHA-256" }, false, ["verify"]);
  const signature = Uint8Array.from(hex.match(/../g) ?? [], (pair) => parseInt(pair, 16));
  const signed = await new Blob([`${at}.`, body]).arrayBuffer();
  const genuine = await crypto.subtle.verify("HMAC", key, signature, signed); // in constant time
  return genuine && (options.nowS ?? Date.now() / 1000) - Number(at) < (options.oldestS ?? 90_000);
}

function bytes(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}
