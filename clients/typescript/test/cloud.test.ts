import assert from "node:assert/strict";
import { test } from "node:test";
import { CloudAct, Problem, verifyWebhook } from "@cloudact/pipelines";
import { cloud, needsCloud } from "./local.js";

const client = new CloudAct({ url: cloud.url, org: cloud.org, key: cloud.key });

test("a run is started once, waited for, listed and told", needsCloud, async () => {
  const started = await client.runs.start("openai_usage_cost", { date: cloud.date });
  const again = await client.runs.start("openai/usage_cost", { date: cloud.date });
  assert.deepEqual([started.deduplicated, again.run_id, again.deduplicated], [false, started.run_id, true]);
  const states: string[] = [];
  const run = await client.runs.wait(started, { signal: AbortSignal.timeout(90_000), onChange: ({ status }) => states.push(status) });
  assert.equal(run.status, "SUCCESS", JSON.stringify(run.error));
  assert.equal(states.at(-1), "SUCCESS");
  assert.ok(run.rows_processed);
  assert.ok(run.steps.every((step) => step.status === "SUCCESS"));
  const last = run.steps.flatMap((step) => step.messages).map(({ at }) => at).sort().at(-1);
  const news = await client.runs.get(run, { since: last });
  assert.ok(last && news.steps.length < run.steps.length && news.steps.some((step) => step.messages.some(({ at }) => at === last)));
  const listed = [];
  for await (const each of client.runs.list({ pipeline_id: "openai_usage_cost", limit: 1 })) listed.push(each.run_id);
  assert.deepEqual(listed, [run.run_id]);
  assert.equal((await client.runs.page({ status: "SUCCESS" })).total_is, "exact");
});

test("refusals are typed", needsCloud, async () => {
  const unknown = client.runs.get("00000000-0000-5000-8000-000000000000");
  await assert.rejects(unknown, (error: unknown) => error instanceof Problem && error.code === "run_unknown" && error.status === 404);
  const stranger = new CloudAct({ url: cloud.url, org: "somebody_else", key: cloud.key });
  await assert.rejects(stranger.quota(), { code: "org_forbidden" });
  await assert.rejects(client.runs.start("gcp/cost/nothing"), { code: "pipeline_unknown" });
  await assert.rejects(client.runs.page({ limit: 0 }), { code: "field_invalid", field: "limit" });
});

test("what the other nouns tell is what the API has", needsCloud, async () => {
  const member = new CloudAct({ url: cloud.url, org: cloud.org, session: () => cloud.session });
  assert.equal((await member.quota()).org_slug, cloud.org);
  assert.deepEqual((await member.integrations.list()).integrations.map((each) => each.provider), ["gcp", "openai", "anthropic"]);
  assert.equal((await member.integrations.get("openai")).status, "VALID");
  assert.equal((await member.keys.list()).keys.length, 1);
  assert.equal((await member.webhook.get()).url, null);
  const dry = { pipeline: "gcp_billing", start_date: cloud.date, end_date: cloud.date, dry_run: true };
  assert.deepEqual((await member.runs.backfill(dry)).run, [cloud.date]);
});

test("a member of any id is added, listed and removed", needsCloud, async () => {
  const ids = ["https://idp.example/users/7", "#a%2Fb?c", "e/"];
  for (const id of ids) assert.equal((await client.members.set(id, "member")).user_id, id);
  assert.deepEqual((await client.members.page({ limit: 1 })).members.map((each) => each.user_id), ["#a%2Fb?c"]);
  const listed: string[] = [];
  for await (const each of client.members.list()) listed.push(each.user_id);
  assert.deepEqual(ids.filter((id) => !listed.includes(id)), []);
  for (const id of ids) assert.equal((await client.members.remove(id)).role, null);
  await assert.rejects(client.members.remove("e"), { code: "member_unknown" });
  await assert.rejects(client.members.set("x/../e", "member"), { code: "field_invalid", field: "user_id" });
});

test("the signature that the service makes is accepted", needsCloud, async () => {
  const { secret, header, body } = cloud.webhook;
  assert.equal(await verifyWebhook(secret, header, body, { oldestS: Infinity }), true);
});
