import assert from "node:assert/strict";
import { register } from "node:module";
import { before, test } from "node:test";
import { renderToStaticMarkup } from "react-dom/server";
import type { ReactElement } from "react";
import { cloud, needsCloud } from "./local.js";

process.env["CLOUDACT_API_URL"] = cloud.url;
register("../../test/alias.mjs", import.meta.url);

type Action = (...words: unknown[]) => Promise<any>;
type Page = (props: object) => Promise<ReactElement>;
let actions: Record<string, Action> = {};
let pages: { pipelines: Page; logs: Page };
const org = { slug: cloud.org, billing_status: "active" as string | null, members: ["ada"] };
const app = { user: "ada" as string | null, key: cloud.key as string | null };

before(async () => {
  const load = (path: string) => import(new URL(`../next/${path}.js`, import.meta.url).href);
  const directory = await load("lib/directory");
  directory.setDirectory({
    currentUser: async () => app.user,
    organization: async (slug: string) => (slug === org.slug ? org : null),
    apiKey: async () => app.key,
  });
  actions = await load("actions/pipelines");
  const [pipelines, logs] = [await load("app/[orgSlug]/pipelines/page"), await load("app/[orgSlug]/pipelines/logs/page")];
  pages = { pipelines: pipelines.default, logs: logs.default };
});

const act = (name: string, ...words: unknown[]) => actions[name]!(...words);

test("the pipelines are the API's, asked for once in five minutes, and the built-in list says the same", needsCloud, async (t) => {
  t.mock.timers.enable({ apis: ["Date"], now: Date.now() });
  const asked: string[] = [];
  const real = fetch;
  t.mock.method(globalThis, "fetch", (url: string, init: RequestInit) => (asked.push(url), real(url, init)));
  const listed = await act("getAvailablePipelines");
  t.mock.timers.tick(5 * 60_000 - 1);
  assert.equal(await act("getAvailablePipelines"), listed);
  t.mock.timers.tick(1);
  t.mock.method(globalThis, "fetch", async () => { throw new TypeError("no network"); });
  t.mock.method(console, "error", () => undefined);
  const fallback: object[] = await act("getAvailablePipelines");
  assert.equal(asked.length, 1);
  assert.deepEqual(fallback, listed.map((each: Record<string, unknown>) =>
    Object.fromEntries(Object.keys(fallback[0] ?? {}).map((name) => [name, each[name]]))));
});

test("a run is started, found in the history and shown with its steps", needsCloud, async () => {
  const started = await act("runPipeline", cloud.org, "anthropic_usage_cost", { date: cloud.date });
  assert.deepEqual([started.success, started.status], [true, "PENDING"], started.error);
  assert.equal(started.message, `Pipeline anthropic/usage_cost triggered successfully for ${cloud.org} (async mode)`);
  const billing = await act("runGcpBillingPipeline", cloud.org, cloud.date);
  assert.equal(billing.result.pipeline, "gcp_billing");
  let detail = await act("getPipelineRunDetail", cloud.org, started.runId);
  for (const until = Date.now() + 90_000; detail.data?.status !== "SUCCESS" && Date.now() < until; ) {
    await new Promise((resolve) => setTimeout(resolve, 200));
    detail = await act("getPipelineRunDetail", cloud.org, started.runId);
  }
  assert.deepEqual([detail.data?.status, detail.data?.steps.length > 0], ["SUCCESS", true]);
  const history = await act("getPipelineRuns", cloud.org, { status: "COMPLETED", pipelineId: "anthropic_usage_cost", startDate: cloud.today, limit: 5 });
  assert.deepEqual(history.data.runs.map((run: { run_id: string }) => run.run_id), [started.runId]);
  const params = Promise.resolve({ orgSlug: cloud.org });
  const list = renderToStaticMarkup(await pages.pipelines({ params }));
  assert.match(list, /<button type="button">Run Anthropic Usage &amp; Cost<\/button>/);
  assert.match(list, /anthropic_usage_cost for [\d-]+: SUCCESS/);
  const searchParams = Promise.resolve({ pipelineId: "anthropic_usage_cost", run: started.runId });
  const logs = renderToStaticMarkup(await pages.logs({ params, searchParams }));
  assert.match(logs, /<td>SUCCESS<\/td>/);
  assert.match(logs, /load: SUCCESS/);
});

for (const [why, change, words, error] of [
  ["a slug", {}, ["no-slug", "gcp_billing"], "Invalid organization slug"],
  ["a pipeline's id", {}, [cloud.org, "gcp/billing"], "Invalid pipeline ID"],
  ["nobody", { user: null }, [cloud.org, "gcp_billing"], "Not authenticated"],
  ["a stranger", { user: "eve" }, [cloud.org, "gcp_billing"], "Not a member of this organization"],
  ["no key", { key: null }, [cloud.org, "gcp_billing"], "Organization API key not found. Complete backend onboarding first."],
  ["an unknown pipeline", {}, [cloud.org, "aws_billing"], "Unknown pipeline: aws_billing. Available: gcp_billing, openai_usage_cost, anthropic_usage_cost"],
  ["an unpaid bill", { billing: "past_due" }, [cloud.org, "gcp_billing"], "Subscription is not active. Current status: past_due"],
  ["a date", {}, [cloud.org, "gcp_billing", { date: "tomorrow" }], "date must be a date written YYYY-MM-DD."],
] as const) {
  test(`${why} is refused in the documents' words`, needsCloud, async () => {
    const before = { ...app, billing: org.billing_status };
    const { billing, ...changes } = { billing: before.billing, ...change };
    Object.assign(app, changes);
    org.billing_status = billing;
    try {
      assert.deepEqual(await act("runPipeline", ...words), { success: false, error });
    } finally {
      Object.assign(app, { user: before.user, key: before.key });
      org.billing_status = before.billing;
    }
  });
}

test("an integration that is not set up is refused in the documents' words", needsCloud, async (t) => {
  const real = fetch;
  t.mock.method(globalThis, "fetch", async (url: string, init: RequestInit) =>
    url.includes("/integrations/") ? Response.json({ org_slug: cloud.org, integrations: [{ integration: "GCP_SA", status: "NOT_CONFIGURED" }] }) : real(url, init));
  const told = await act("runGcpBillingPipeline", cloud.org);
  assert.deepEqual(told, { success: false, error: 'Required integration "GCP_SA" is not configured.' });
});
