/** Client of the CloudAct Pipelines API. */

export { CloudAct, ended } from "./client.js";
export type { RunFilters, RunRef, StartOptions, WaitOptions, WatchOptions } from "./client.js";
export type { Connection, Secret } from "./http.js";
export type * from "./openapi.js";
export { Problem, Unreachable } from "./problem.js";
export type { Code } from "./problem.js";
export { verifyWebhook } from "./webhook.js";
export type { VerifyOptions, WebhookEvent } from "./webhook.js";
