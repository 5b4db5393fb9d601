/** Calls of operations over fetch. Trouble that passes is tried again; a refusal becomes a `Problem`. */

import type { Operations, ProblemDocument } from "./openapi.js";
import { Problem, Unreachable } from "./problem.js";

/** A secret, or a function that gets it for each call. */
export type Secret = string | (() => string | Promise<string>);

/** Where the API is and who calls. Without key and session only what is public can be asked. */
export interface Connection {
  /** Address of the API, without a path. http is refused but for this machine: it would send the key in the clear. */
  url: string;
  /** API key of an organization. */
  key?: Secret | undefined;
  /** Session (JWT) of a member, instead of a key. */
  session?: Secret | undefined;
  /** Milliseconds to go on trying while the API cannot be reached or is busy; 60,000, unless told. */
  retryForMs?: number | undefined;
  /** Milliseconds that one try may take; 60,000, unless told. */
  timeoutMs?: number | undefined;
  /** Another fetch, as for tests or proxies. */
  fetch?: typeof fetch | undefined;
}

export type Operation = keyof Operations & string;
type Part<Path> = Path extends `${string}{${infer Name}}${infer Rest}` ? Name | Part<Rest> : never;

/** What a call is made of: the parts of the path that the operation names, its query and its body. */
export interface Call<O extends Operation> {
  parts: Record<Part<O>, string>;
  query?: Operations[O]["query"] | undefined;
  body?: Operations[O]["body"] | undefined;
  headers?: Record<string, string> | undefined;
  signal?: AbortSignal | undefined;
  /** Not repeated once it may have had its effect, since its answer holds what is shown only once. */
  once?: boolean;
}

/** An answer; `body` is undefined for 304. */
export interface Answer<Body> {
  body: Body | undefined;
  headers: Headers;
}

const PASSING = [429, 502, 503, 504];
const LASTING = ["quota_exceeded", "dataset_unreadable"]; // for a day, and until someone mends it
const LONGEST_WAIT_MS = 8_000;
const MINUTE_MS = 60_000;

export class Http {
  readonly #url: string;
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
    this.#url = checked(connection.url);
  }

  /** Answer to the call, 2xx or 304. Throws `Problem`, `Unreachable`, or the reason of an aborted signal. */
  async call<O extends Operation>(operation: O, call: Call<O>): Promise<Answer<Operations[O]["answer"]>> {
    const until = Date.now() + (this.#connection.retryForMs ?? MINUTE_MS);
    for (let tries = 0; ; tries++) {
      const failure = await this.#try(operation, call).catch((error: unknown) => {
        if (!(error instanceof Problem || error instanceof Unreachable)) throw error;
        return error;
      });
      if (!(failure instanceof Error)) return failure;
      const waitMs = pauseMs(failure, tries);
      if (!passes(failure) || (call.once && failure.status !== 429) || Date.now() + waitMs > until) throw failure;
      await pause(waitMs, call.signal);
    }
  }

  async #try<O extends Operation>(operation: O, call: Call<O>): Promise<Answer<Operations[O]["answer"]>> {
    const timeout = AbortSignal.timeout(this.#connection.timeoutMs ?? MINUTE_MS);
    const init: RequestInit = {
      method: operation.slice(0, operation.indexOf(" ")),
      headers: { ...(await this.#credential()), ...(call.body && { "Content-Type": "application/json" }), ...call.headers },
      signal: call.signal ? AbortSignal.any([call.signal, timeout]) : timeout,
      cache: "no-store",
      ...(call.body && { body: JSON.stringify(call.body) }),
    };
    const url = this.#url + target(operation, call);
    try {
      const response = await (this.#connection.fetch ?? fetch)(url, init);
      return await read(response, this.#url);
    } catch (error) {
      if (error instanceof Problem || error instanceof Unreachable) throw error;
      call.signal?.throwIfAborted();
      throw new Unreachable(`${this.#url} cannot be reached.`, null, error);
    }
  }

  async #credential(): Promise<Record<string, string>> {
    const { key, session } = this.#connection;
    if (session) return { Authorization: `Bearer ${await revealed(session)}` };
    return key ? { "X-API-Key": await revealed(key) } : {};
  }
}

/** Waits; an aborted signal ends it by throwing its reason. */
export async function pause(ms: number, signal?: AbortSignal): Promise<void> {
  signal?.throwIfAborted();
  await new Promise<void>((resolve, reject) => {
    const stop = () => (clearTimeout(timer), reject(signal?.reason));
    const timer = setTimeout(() => (signal?.removeEventListener("abort", stop), resolve()), ms);
    signal?.addEventListener("abort", stop, { once: true });
  });
}

/** Seconds of Retry-After, in either of its forms. */
export function retryAfter(headers: Headers): number | null {
  const text = headers.get("Retry-After");
  if (text === null) return null;
  const seconds = /^\d+$/.test(text) ? Number(text) : (Date.parse(text) - Date.now()) / 1000;
  return Number.isNaN(seconds) ? null : Math.max(seconds, 0);
}

function checked(text: string): string {
  const url = new URL(text);
  const here = ["localhost", "127.0.0.1", "[::1]"].includes(url.hostname) || url.hostname.endsWith(".localhost");
  if (url.protocol !== "https:" && !(url.protocol === "http:" && here)) {
    throw new TypeError(`${url.origin} would be sent the key in the clear; use https.`);
  }
  return url.href.replace(/\/+$/, "").replace(/\/api\/v1$/, "");
}

function target<O extends Operation>(operation: O, call: Call<O>): string {
  const parts: Record<string, string> = call.parts;
  const path = operation.slice(operation.indexOf(" ") + 1).replace(/{(\w+)}/g, (_, name: string) => part(parts[name] ?? ""));
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(call.query ?? {})) {
    for (const each of Array.isArray(value) ? value : [value]) {
      if (each !== undefined && each !== null) query.append(name, String(each));
    }
  }
  return query.size ? `${path}?${query}` : path;
}

function part(text: string): string {
  if (text === "." || text === "..") throw new TypeError("A name cannot be . or ..");
  return encodeURIComponent(text);
}

async function read<Body>(response: Response, url: string): Promise<Answer<Body>> {
  if (response.status === 304) return { body: undefined, headers: response.headers };
  const body: unknown = await response.json().catch(() => null);
  if (response.ok && typeof body === "object" && body) return { body: body as Body, headers: response.headers };
  if (isProblem(body)) throw new Problem(body, retryAfter(response.headers));
  throw new Unreachable(`${url} answered ${response.status}, and not as the API does.`, response.status);
}

function isProblem(body: unknown): body is ProblemDocument {
  return typeof body === "object" && body !== null && "code" in body && "detail" in body && "status" in body;
}

function passes(failure: Problem | Unreachable): boolean {
  if (failure instanceof Problem && LASTING.includes(failure.code)) return false;
  return failure.status === null || PASSING.includes(failure.status);
}

function pauseMs(failure: Problem | Unreachable, tries: number): number {
  if (failure instanceof Problem && failure.retryAfter !== null) return failure.retryAfter * 1000;
  return Math.min(500 * 2 ** tries, LONGEST_WAIT_MS) * (0.5 + Math.random() / 2); // not all clients at once
}

function revealed(secret: Secret): string | Promise<string> {
  return typeof secret === "function" ? secret() : secret;
}
