/** The client of one organization: nouns of the API with verbs that read well. */

import { Http, pause, retryAfter, type Answer, type Call, type Connection, type Operation } from "./http.js";
import type {
  BackfillBody, Backfilled, Cancelled, Catalogue, IntegrationList, IntegrationState, Keys, KeylessSetup, Member,
  MemberBody, MemberList, MemberState, Operations, Ping, Pipeline, Quota, RotateBody, RotatedKey, RunAnswer, RunDetail, RunPage, SetupBody, Started, Status, WebhookBody,
  WebhookState,
} from "./openapi.js";
import { Problem } from "./problem.js";

/** Filters of a list, in the API's own names; a page has `limit` runs. */
export type RunFilters = Omit<
  Operations["GET /api/v1/pipelines/{org}/runs"]["query"],
  "status_filter" | "pipelineId" | "startDate" | "endDate"
>;
/** A run, by its id or by any answer that tells of it; the day of its request lets the API find it at once. */
export type RunRef = string | { run_id: string; requested_date?: string };

export interface StartOptions {
  /** UTC date to load, YYYY-MM-DD; yesterday, unless told. */
  date?: string | undefined;
  /** Run again what has succeeded. */
  force?: boolean | undefined;
  signal?: AbortSignal | undefined;
}

export interface WatchOptions {
  /** Ends the watching: `AbortSignal.timeout(600_000)` after ten minutes. The run goes on. */
  signal?: AbortSignal | undefined;
}

export interface WaitOptions extends WatchOptions {
  /** Is called with each state of the run, the last included. */
  onChange?: ((run: RunDetail) => void) | undefined;
}

const ENDED: readonly Status[] = ["SUCCESS", "FAILED", "CANCELLED"];
const WAIT_S = 25;
const UNSEEN_MS = 30_000; // a run just admitted may not be readable yet
const POLL_S = 2;

/** Whether the run has ended. */
export function ended(run: { status: string }): boolean {
  return (ENDED as readonly string[]).includes(run.status);
}

/** Client of one organization. */
export class CloudAct {
  readonly pipelines: Pipelines;
  readonly runs: Runs;
  readonly integrations: Integrations;
  readonly keys: Keyring;
  readonly members: Members;
  readonly webhook: Webhook;
  readonly #asks: Asks;

  constructor(options: Connection & { org: string }) {
    this.#asks = new Asks(new Http(options), options.org);
    this.pipelines = new Pipelines(this.#asks);
    this.runs = new Runs(this.#asks, this.pipelines);
    this.integrations = new Integrations(this.#asks);
    this.keys = new Keyring(this.#asks);
    this.members = new Members(this.#asks);
    this.webhook = new Webhook(this.#asks);
  }

  /** What is left of the UTC day. */
  quota(): Promise<Quota> {
    return this.#asks.of("GET /api/v1/organizations/{org}/quota");
  }
}

/** Calls of one organization: the part `org` of a path is filled in. */
class Asks {
  constructor(readonly http: Http, readonly org: string) {}

  async of<O extends Operation>(operation: O, call: OrgCall<O> = {}): Promise<Operations[O]["answer"]> {
    return (await this.answer(operation, call)).body as Operations[O]["answer"];
  }

  answer<O extends Operation>(operation: O, { parts, ...call }: OrgCall<O>): Promise<Answer<Operations[O]["answer"]>> {
    return this.http.call(operation, { ...call, parts: { org: this.org, ...parts } as Call<O>["parts"] });
  }
}
type OrgCall<O extends Operation> = Omit<Call<O>, "parts"> & { parts?: Omit<Call<O>["parts"], "org"> };

class Pipelines {
  readonly #asks: Asks;

  constructor(asks: Asks) {
    this.#asks = asks;
  }

  /** The pipelines that exist. Needs no key. */
  list(filter: { provider?: string } = {}): Promise<Catalogue> {
    return this.#asks.of("GET /api/v1/validator/pipelines", { query: filter });
  }

  /** One of them, by its id. */
  get(id: string): Promise<Pipeline> {
    return this.#asks.of("GET /api/v1/validator/pipelines/{pipeline}", { parts: { pipeline: id } });
  }
}

class Runs {
  readonly #asks: Asks;
  readonly #pipelines: Pipelines;

  constructor(asks: Asks, pipelines: Pipelines) {
    this.#asks = asks;
    this.#pipelines = pipelines;
  }

  /**
   * Starts a run, or finds the one that answers the request already (`deduplicated`). `pipeline` is an id such as
   * `gcp_billing`, or a path such as `gcp/cost/billing`, which saves a look at the catalogue.
   */
  async start(pipeline: string, { date, force, signal }: StartOptions = {}): Promise<Started> {
    const [provider, domain, name] = await this.#path(pipeline);
    const body = { ...(date && { date }), ...(force && { force_refresh: force }) };
    return this.#asks.of("POST /api/v1/pipelines/run/{org}/{provider}/{domain}/{pipeline}", {
      parts: { provider, domain, pipeline: name }, body, signal,
    });
  }

  /** Loads many dates, the newest first, as far as the day's quota goes. */
  backfill(body: BackfillBody): Promise<Backfilled> {
    return this.#asks.of("POST /api/v1/pipelines/{org}/backfill", { body });
  }

  /** Runs, newest first, page after page: `for await (const run of cloudact.runs.list({ status: "FAILED" }))`. */
  async *list(filters: RunFilters = {}): AsyncGenerator<RunAnswer, void, undefined> {
    const query = { limit: 100, ...filters, total: false };
    for (let page = await this.page(query); ; ) {
      yield* page.runs;
      if (page.next_cursor === null) return;
      const { offset: _, ...others } = query;
      page = await this.page({ ...others, cursor: page.next_cursor });
    }
  }

  /** One page of runs, with how many match. */
  page(filters: RunFilters = {}): Promise<RunPage> {
    return this.#asks.of("GET /api/v1/pipelines/{org}/runs", { query: filters });
  }

  /** One run with its steps; `since` (the `at` of a message) leaves out what is older. */
  get(run: RunRef, { since }: { since?: string | undefined } = {}): Promise<RunDetail> {
    const { parts, query } = named(run);
    return this.#asks.of("GET /api/v1/pipelines/{org}/runs/{run_id}", { parts, query: { ...query, ...(since && { since }) } });
  }

  /** Ends a run before its time: it will not load any more. */
  cancel(run: RunRef): Promise<Cancelled> {
    return this.#asks.of("POST /api/v1/pipelines/{org}/runs/{run_id}/cancel", named(run));
  }

  /** Starts the next generation of a FAILED or CANCELLED run. */
  retry(run: RunRef): Promise<Started> {
    return this.#asks.of("POST /api/v1/pipelines/{org}/runs/{run_id}/retry", named(run));
  }

  /** The run once it has ended, well or badly: look at its `status`. */
  async wait(run: RunRef, { onChange, signal }: WaitOptions = {}): Promise<RunDetail> {
    for await (const state of this.watch(run, { signal })) {
      onChange?.(state);
      if (ended(state)) return state;
    }
    throw new Error("unreachable: watching ends with the run");
  }

  /** Each new state of a run until its end. The API holds an answer back until something changes. */
  async *watch(run: RunRef, { signal }: WatchOptions = {}): AsyncGenerator<RunDetail, void, undefined> {
    let etag: string | null = null;
    for (const unseenUntil = Date.now() + UNSEEN_MS; ; ) {
      const headers: Record<string, string> = etag === null ? {} : { "If-None-Match": etag, Prefer: `wait=${WAIT_S}` };
      const answer: Answer<RunDetail> | null = await this.#asks
        .answer("GET /api/v1/pipelines/{org}/runs/{run_id}", { ...named(run), headers, signal })
        .catch((error: unknown) => {
          const early = error instanceof Problem && error.code === "run_unknown" && etag === null;
          if (!early || Date.now() > unseenUntil) throw error;
          return null;
        });
      if (answer?.body) {
        yield answer.body;
        if (ended(answer.body)) return;
      }
      const begins = etag === null && answer !== null;
      etag = answer?.headers.get("ETag") ?? etag;
      // An API that has waited, or will wait next, needs no pause of ours; a busy or an older one does.
      if (!(answer?.headers.has("Preference-Applied") || (begins && etag !== null))) {
        const seconds = (answer && retryAfter(answer.headers)) || POLL_S;
        await pause(seconds * 1000 * (1 + Math.random() / 10), signal); // not all clients at once
      }
    }
  }

  async #path(pipeline: string): Promise<[string, string, string]> {
    if (!pipeline.includes("/")) {
      const entry = await this.#pipelines.get(pipeline);
      return [entry.provider, entry.domain, entry.pipeline];
    }
    const parts = pipeline.split("/");
    return [parts[0] ?? "", parts.slice(1, -1).join("/"), parts.at(-1) ?? ""];
  }
}

class Integrations {
  readonly #asks: Asks;

  constructor(asks: Asks) {
    this.#asks = asks;
  }

  /** What is set up to reach each provider, and whether it works. */
  list(): Promise<IntegrationList> {
    return this.#asks.of("GET /api/v1/integrations/{org}");
  }

  /** One of them. */
  get(provider: string): Promise<IntegrationState> {
    return this.#asks.of("GET /api/v1/integrations/{org}/{provider}", { parts: { provider } });
  }

  /** Stores a credential, once the provider has accepted it. */
  setUp(provider: string, body: SetupBody): Promise<IntegrationState> {
    return this.#asks.of("POST /api/v1/integrations/{org}/{provider}/setup", { parts: { provider }, body });
  }

  /** Asks the provider whether the credential works. */
  validate(provider: string): Promise<IntegrationState> {
    return this.#asks.of("POST /api/v1/integrations/{org}/{provider}/validate", { parts: { provider } });
  }

  /** Forgets the credential. */
  remove(provider: string): Promise<IntegrationState> {
    return this.#asks.of("DELETE /api/v1/integrations/{org}/{provider}", { parts: { provider } });
  }

  /** The commands with which the organization lets us read its billing export without a key. */
  keyless(query: Operations["GET /api/v1/integrations/{org}/gcp/keyless"]["query"] = {}): Promise<KeylessSetup> {
    return this.#asks.of("GET /api/v1/integrations/{org}/gcp/keyless", { query });
  }
}

class Keyring {
  readonly #asks: Asks;

  constructor(asks: Asks) {
    this.#asks = asks;
  }

  /** The keys that work, by their fingerprints. */
  list(): Promise<Keys> {
    return this.#asks.of("GET /api/v1/organizations/{org}/api-key");
  }

  /** The next key, shown this once. Not sent again where the first answer may have got lost. */
  rotate(body: RotateBody = {}): Promise<RotatedKey> {
    return this.#asks.of("POST /api/v1/organizations/{org}/api-key/rotate", { body, once: true });
  }
}

class Members {
  readonly #asks: Asks;

  constructor(asks: Asks) {
    this.#asks = asks;
  }

  /** Who may act for the organization, by their ids, page after page. */
  async *list(): AsyncGenerator<Member, void, undefined> {
    for (let page = await this.page({ limit: 100 }); ; ) {
      yield* page.members;
      if (page.next_cursor === null) return;
      page = await this.page({ limit: 100, cursor: page.next_cursor });
    }
  }

  /** One page of them. */
  page(query: Operations["GET /api/v1/organizations/{org}/members"]["query"] = {}): Promise<MemberList> {
    return this.#asks.of("GET /api/v1/organizations/{org}/members", { query });
  }

  /** Lets a person act for the organization, or in another role. */
  set(userId: string, role: MemberBody["role"]): Promise<MemberState> {
    return this.#asks.of("PUT /api/v1/organizations/{org}/members/{user_id}", { parts: { user_id: userId }, body: { role } });
  }

  /** Lets a person act for it no more. */
  remove(userId: string): Promise<MemberState> {
    return this.#asks.of("DELETE /api/v1/organizations/{org}/members/{user_id}", { parts: { user_id: userId } });
  }
}

class Webhook {
  readonly #asks: Asks;

  constructor(asks: Asks) {
    this.#asks = asks;
  }

  /** Where the organization is told of events. */
  get(): Promise<WebhookState> {
    return this.#asks.of("GET /api/v1/organizations/{org}/webhook");
  }

  /** Sets where and of which events; the answer holds the signing secret. */
  set(body: WebhookBody): Promise<WebhookState> {
    return this.#asks.of("PUT /api/v1/organizations/{org}/webhook", { body });
  }

  /** Sends no more events. */
  remove(): Promise<WebhookState> {
    return this.#asks.of("DELETE /api/v1/organizations/{org}/webhook");
  }

  /** Sends a `ping`. */
  test(): Promise<Ping> {
    return this.#asks.of("POST /api/v1/organizations/{org}/webhook/test");
  }
}

function named(run: RunRef): { parts: { run_id: string }; query?: { requested_date: string } } {
  if (typeof run === "string") return { parts: { run_id: run } };
  return { parts: { run_id: run.run_id }, ...(run.requested_date && { query: { requested_date: run.requested_date } }) };
}
