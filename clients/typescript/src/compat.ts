/** The shapes of earlier clients, `BackendClient` and `PipelineBackendClient`, over the same calls. */

import { CloudAct } from "./client.js";
import { Http, type Connection } from "./http.js";
import type {
  Catalogue, IntegrationList, IntegrationState, OlderRun, Pipeline, Quota, RunDetail, RunPage, SetupBody, Started,
} from "./openapi.js";

export { Problem, Unreachable } from "./problem.js";
export type { Pipeline, RunDetail, RunPage, Started } from "./openapi.js";

export interface BackendClientOptions extends Omit<Connection, "url" | "key"> {
  /** API key of the organization; only the list of pipelines needs none. */
  orgApiKey?: string | undefined;
  /** Address of the API; the environment's CLOUDACT_API_URL, unless told. */
  baseUrl?: string | undefined;
}

/** Options of a list, in the words of the server actions. */
export interface ListPipelineRunsOptions {
  status?: string | undefined;
  pipelineId?: string | undefined;
  startDate?: string | undefined;
  endDate?: string | undefined;
  limit?: number | undefined;
  offset?: number | undefined;
}

export interface RunPipelineParams {
  /** YYYY-MM-DD; yesterday (UTC), unless told. */
  date?: string | undefined;
  force_refresh?: boolean | undefined;
}

/** Client whose methods take the organization first. */
export class BackendClient {
  readonly #connection: Connection;

  constructor({ orgApiKey, baseUrl, ...others }: BackendClientOptions = {}) {
    this.#connection = { ...others, url: baseUrl ?? fromEnvironment(), key: orgApiKey };
  }

  listPipelines(): Promise<Catalogue> {
    return this.#of("-").pipelines.list();
  }

  getPipeline(pipelineId: string): Promise<Pipeline> {
    return this.#of("-").pipelines.get(pipelineId);
  }

  /** Starts a run; `domain` may be empty. */
  runPipeline(
    orgSlug: string, provider: string, domain: string, pipeline: string, params: RunPipelineParams = {},
  ): Promise<Started> {
    const options = { date: params.date, force: params.force_refresh };
    return this.#of(orgSlug).runs.start(`${provider}/${domain}/${pipeline}`, options);
  }

  listPipelineRuns(orgSlug: string, options: ListPipelineRunsOptions = {}): Promise<RunPage> {
    const { pipelineId, startDate, endDate, ...others } = options;
    const filters = { ...others, pipeline_id: pipelineId, start_date: startDate, end_date: endDate };
    return this.#of(orgSlug).runs.page(filters as object); // the API judges the words of a filter
  }

  getPipelineRun(orgSlug: string, runId: string): Promise<RunDetail> {
    return this.#of(orgSlug).runs.get(runId);
  }

  getQuota(orgSlug: string): Promise<Quota> {
    return this.#of(orgSlug).quota();
  }

  listIntegrations(orgSlug: string): Promise<IntegrationList> {
    return this.#of(orgSlug).integrations.list();
  }

  setupIntegration(orgSlug: string, provider: string, body: SetupBody): Promise<IntegrationState> {
    return this.#of(orgSlug).integrations.setUp(provider, body);
  }

  #of(org: string): CloudAct {
    return new CloudAct({ ...this.#connection, org });
  }
}

/** Client of the older documents: a pipeline is named by its provider and its last part, and a run by its id alone. */
export class PipelineBackendClient {
  readonly #backend: BackendClient;
  readonly #http: Http;

  constructor({ orgApiKey, baseUrl = fromEnvironment(), ...others }: BackendClientOptions = {}) {
    this.#backend = new BackendClient({ ...others, orgApiKey, baseUrl });
    this.#http = new Http({ ...others, url: baseUrl, key: orgApiKey });
  }

  /** Starts a run of `gcp`, `billing`: the API finds the domain between them. */
  runPipeline(orgSlug: string, provider: string, domain: string, params: RunPipelineParams = {}): Promise<Started> {
    return this.#backend.runPipeline(orgSlug, provider, "", domain, params);
  }

  /** State of a run in the older shape, with COMPLETE for SUCCESS. */
  async getPipelineStatus(pipelineLoggingId: string): Promise<OlderRun> {
    const parts = { pipeline_logging_id: pipelineLoggingId };
    return (await this.#http.call("GET /api/v1/pipelines/runs/{pipeline_logging_id}", { parts })).body as OlderRun;
  }

  /** Runs of the key's organization, newest first. */
  async listPipelineRuns(): Promise<RunPage> {
    return (await this.#http.call("GET /api/v1/pipelines/runs", { parts: {} })).body as RunPage;
  }
}

function fromEnvironment(): string {
  const { process } = globalThis as { process?: { env: Record<string, string | undefined> } };
  const url = process?.env["CLOUDACT_API_URL"];
  if (!url) throw new TypeError("Where is the API? Give baseUrl, or set CLOUDACT_API_URL.");
  return url;
}
