import assert from "node:assert/strict";
import { test } from "node:test";
import { CloudAct, Problem, Unreachable } from "@cloudact/pipelines";
import { BackendClient, PipelineBackendClient } from "@cloudact/pipelines/compat";
import { json, problem, Stub, unchanged } from "./stub.js";

const RUN = { run_id: "r-1", requested_date: "2026-11-12", status: "RUNNING" };
const AT_ONCE = { "Retry-After": "0" };

test("a trigger is sent again until it is answered, and each time it is the same request", async () => {
  const stub = new Stub(new TypeError("fetch failed"), problem(503, "bigquery_unavailable", AT_ONCE), json(RUN, 202));
  const started = await stub.client().runs.start("gcp/cost/billing", { date: "2026-11-10", force: true });
  assert.equal(started.run_id, "r-1");
  assert.equal(stub.asked.length, 3);
  assert.equal(new Set(stub.asked.map((each) => JSON.stringify(each))).size, 1);
  const [first] = stub.asked;
  assert.deepEqual([first?.method, first?.path], ["POST", "/api/v1/pipelines/run/acme/gcp/cost/billing"]);
  assert.deepEqual(first?.body, { date: "2026-11-10", force_refresh: true });
  assert.equal(first?.headers.get("X-API-Key"), "acme_api_k");
});

test("a pipeline is named by its id, by a path, or by a path without a domain", async () => {
  const stub = new Stub(json({ provider: "openai", domain: "", pipeline: "usage_cost" }), json(RUN, 202));
  for (const name of ["openai_usage_cost", "openai/usage_cost", "openai//usage_cost"]) await stub.client().runs.start(name);
  const path = "/api/v1/pipelines/run/acme/openai//usage_cost";
  assert.deepEqual(stub.asked.map((each) => each.path), ["/api/v1/validator/pipelines/openai_usage_cost", path, path, path]);
});

test("members are listed page after page", async () => {
  const page = (id: string, next_cursor: string | null) => json({ members: [{ user_id: id }], next_cursor });
  const stub = new Stub(page("a", "YQ"), page("b", null));
  const listed: string[] = [];
  for await (const each of stub.client().members.list()) listed.push(each.user_id);
  assert.deepEqual(listed, ["a", "b"]);
  assert.deepEqual(stub.asked.map((each) => each.query), [{ limit: "100" }, { limit: "100", cursor: "YQ" }]);
  assert.deepEqual(new Set(stub.asked.map((each) => each.path)), new Set(["/api/v1/organizations/acme/members"]));
});

for (const [status, code, tries] of [
  [429, "quota_exceeded", 1], [429, "admissions_limited", 2], [403, "org_forbidden", 1], [404, "run_unknown", 1],
  [500, "internal_error", 1], [503, "dataset_unreadable", 1], [503, "cloud_tasks_slow", 2],
] as const) {
  test(`${status} ${code} is ${tries > 1 ? "tried again" : "told at once"}`, async () => {
    const refusal = problem(status, code, AT_ONCE);
    const stub = new Stub(refusal, tries > 1 ? json(RUN) : refusal);
    const got = stub.client().runs.get("r-1");
    if (tries > 1) assert.equal((await got).run_id, "r-1");
    else {
      await assert.rejects(got, (error: unknown) => {
        assert.ok(error instanceof Problem);
        assert.deepEqual(
          [error.status, error.code, error.message, error.requestId, error.retryAfter], [status, code, `It is ${code}.`, "r1", 0],
        );
        return true;
      });
    }
    assert.equal(stub.asked.length, tries);
  });
}

test("trying again ends where the pause would be longer than what is left of the time for it", async () => {
  const stub = new Stub(problem(503, "bigquery_unavailable", { "Retry-After": "10" }));
  await assert.rejects(stub.client({ retryForMs: 5_000 }).quota(), { code: "bigquery_unavailable" });
  assert.equal(stub.asked.length, 1);
});

test("an answer that is not the API's is no refusal", async () => {
  const page = new Response("<html>", { status: 404 });
  await assert.rejects(new Stub(page).client().quota(), (error: unknown) => error instanceof Unreachable && error.status === 404);
});

test("a key is not made twice: a rotation whose answer may have got lost is not repeated", async () => {
  const stub = new Stub(new TypeError("fetch failed"), json({}, 201));
  await assert.rejects(stub.client().keys.rotate({ grace_hours: 1 }), Unreachable);
  assert.equal(stub.asked.length, 1);
});

test("a session is asked for with each call, and sent instead of a key", async () => {
  const stub = new Stub(json({}));
  let calls = 0;
  const client = new CloudAct({ url: "https://a.example/", org: "acme", session: async () => `token-${++calls}`, fetch: stub.fetch });
  await client.quota();
  await client.quota();
  assert.deepEqual(stub.asked.map((each) => each.headers.get("Authorization")), ["Bearer token-1", "Bearer token-2"]);
  assert.equal(stub.asked[0]?.headers.has("X-API-Key"), false);
});

test("a key is sent in the clear to this machine only", () => {
  for (const url of ["http://api.example.com", "ftp://localhost"]) assert.throws(() => new CloudAct({ url, org: "acme" }), TypeError);
  for (const url of ["http://127.0.0.1:8080", "http://localhost/api/v1", "https://x.example"]) new CloudAct({ url, org: "acme" });
});

test("a name cannot leave its place in the path", async () => {
  const stub = new Stub(json({}));
  await stub.client().integrations.get("a/b?c");
  assert.equal(stub.asked[0]?.path, "/api/v1/integrations/acme/a%2Fb%3Fc");
  await assert.rejects(stub.client().integrations.get(".."), TypeError);
});

test("a list goes from page to page, and asks for no page that nobody reads", async () => {
  const stub = new Stub(
    json({ runs: [{ run_id: "1" }, { run_id: "2" }], next_cursor: "c1" }), json({ runs: [{ run_id: "3" }], next_cursor: null }),
  );
  const found = [];
  for await (const run of stub.client().runs.list({ status: "FAILED", offset: 5 })) found.push(run.run_id);
  assert.deepEqual(found, ["1", "2", "3"]);
  assert.deepEqual(stub.asked.map((each) => each.query), [
    { limit: "100", status: "FAILED", offset: "5", total: "false" }, { limit: "100", status: "FAILED", total: "false", cursor: "c1" },
  ]);
  const lazy = new Stub(json({ runs: [{ run_id: "1" }], next_cursor: "c1" }));
  for await (const run of lazy.client().runs.list()) if (run) break;
  assert.equal(lazy.asked.length, 1);
});

test("waiting asks the API to hold its answer back, and ends with the run", async () => {
  const applied = { "Preference-Applied": "wait=25" };
  const stub = new Stub(
    json(RUN, 200, { ETag: '"a"' }), unchanged({ ETag: '"a"', ...applied }),
    json({ ...RUN, rows_processed: 7 }, 200, { ETag: '"b"', ...applied }),
    json({ ...RUN, status: "FAILED" }, 200, { ETag: '"c"', ...applied }),
  );
  const seen: (number | null)[] = [];
  const last = await stub.client().runs.wait(RUN, { onChange: (run) => seen.push(run.rows_processed) });
  assert.deepEqual([last.status, seen.length, seen[1]], ["FAILED", 3, 7]);
  assert.deepEqual(stub.asked.map((each) => each.headers.get("If-None-Match")), [null, '"a"', '"a"', '"b"']);
  assert.deepEqual(stub.asked.map((each) => each.headers.get("Prefer")), [null, "wait=25", "wait=25", "wait=25"]);
  assert.deepEqual(stub.asked[0]?.query, { requested_date: "2026-11-12" });
});

test("a run that cannot be read yet is asked for again, and one that was seen and is gone is told", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const stub = new Stub(problem(404, "run_unknown"), json(RUN, 200, { ETag: '"a"' }), problem(404, "run_unknown"));
  const waiting = assert.rejects(stub.client().runs.wait("r-1"), { code: "run_unknown" });
  while (stub.asked.length < 3) {
    await new Promise((resolve) => setImmediate(resolve));
    t.mock.timers.tick(2_500);
  }
  await waiting;
});

test("an API that is too busy to wait is asked again when it says, and not before", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const stub = new Stub(json(RUN, 200, { ETag: '"a"' }), unchanged({ "Retry-After": "3" }), json({ ...RUN, status: "SUCCESS" }));
  const waiting = stub.client().runs.wait("r-1");
  const turns = async () => { for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve)); };
  await turns();
  t.mock.timers.tick(2_999);
  await turns();
  assert.equal(stub.asked.length, 2);
  t.mock.timers.tick(1_000);
  assert.equal((await waiting).status, "SUCCESS");
});

test("a signal ends the waiting with its reason", async () => {
  const stub = new Stub(json(RUN, 200, { ETag: '"a"' }), unchanged());
  const reason = new Error("enough");
  const stop = new AbortController();
  const waiting = stub.client().runs.wait("r-1", { signal: stop.signal, onChange: () => stop.abort(reason) });
  await assert.rejects(waiting, reason);
});

test("BackendClient and PipelineBackendClient ask what the documents say", async () => {
  const stub = new Stub(json(RUN, 202));
  const options = { orgApiKey: "acme_api_k", baseUrl: "http://localhost:8000", fetch: stub.fetch };
  const backend = new BackendClient(options);
  await backend.runPipeline("acmecorp", "gcp", "cost", "billing", { date: "2025-11-25" });
  await backend.listPipelineRuns("acmecorp", { status: "SUCCESS", pipelineId: "gcp_billing", startDate: "2025-11-01", limit: 5 });
  await backend.getPipelineRun("acmecorp", "r-1");
  const older = new PipelineBackendClient(options);
  await older.runPipeline("acmecorp", "gcp", "billing", { date: "2025-11-25" });
  await older.getPipelineStatus("r-1");
  await older.listPipelineRuns();
  assert.deepEqual(stub.asked.map(({ method, path }) => `${method} ${path.replace("/api/v1/pipelines/", "")}`), [
    "POST run/acmecorp/gcp/cost/billing", "GET acmecorp/runs", "GET acmecorp/runs/r-1",
    "POST run/acmecorp/gcp//billing", "GET runs/r-1", "GET runs",
  ]);
  assert.deepEqual(stub.asked[1]?.query, { status: "SUCCESS", pipeline_id: "gcp_billing", start_date: "2025-11-01", limit: "5" });
  assert.throws(() => new BackendClient(), /CLOUDACT_API_URL/);
});
