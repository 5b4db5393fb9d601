"use server"

import { getOrgApiKeySecure } from "@/actions/backend-onboarding"
import {
  BackendClient,
  type ListPipelineRunsOptions,
  type Pipeline,
  type RunDetail,
  type RunPage,
  type Started,
} from "@/lib/api/backend"
import { getDirectory, type Organization } from "@/lib/directory"

export type PipelineConfig = Pick<
  Pipeline,
  "id" | "name" | "description" | "provider" | "domain" | "pipeline" | "required_integration" | "enabled"
>

export interface PipelineRunResult {
  success: boolean
  runId?: string
  status?: string
  message?: string
  /** The run as it was answered; `rows_processed` is known once it has ended. */
  result?: Started & { rows_processed?: number | null }
  error?: string
}

export type ActionResult<Data> = { success: true; data: Data } | { success: false; error: string }

const ORG_SLUG = /^[a-zA-Z0-9_]{3,50}$/
const PIPELINE_ID = /^[a-zA-Z0-9_-]{1,50}$/
const RUN_ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i
const CACHE_MS = 5 * 60 * 1000
const VALID_SUBSCRIPTION_STATUSES = ["active", "trialing"]

const FALLBACK_PIPELINES: PipelineConfig[] = [
  {
    id: "gcp_billing",
    name: "GCP Billing",
    description: "Daily cost of every Google Cloud project, from the Cloud Billing export",
    provider: "gcp",
    domain: "cost",
    pipeline: "billing",
    required_integration: "GCP_SA",
    enabled: true,
  },
  {
    id: "openai_usage_cost",
    name: "OpenAI Usage & Cost",
    description: "Daily usage and cost of an OpenAI organization",
    provider: "openai",
    domain: "",
    pipeline: "usage_cost",
    required_integration: "OPENAI",
    enabled: true,
  },
  {
    id: "anthropic_usage_cost",
    name: "Anthropic Usage & Cost",
    description: "Daily usage and cost of an Anthropic organization",
    provider: "anthropic",
    domain: "",
    pipeline: "usage_cost",
    required_integration: "ANTHROPIC",
    enabled: true,
  },
]

let cached: { pipelines: PipelineConfig[]; until: number } | null = null

/** List available pipelines: kept for five minutes, and the built-in list where the API cannot be reached. */
export async function getAvailablePipelines(): Promise<PipelineConfig[]> {
  if (cached && cached.until > Date.now()) return cached.pipelines
  try {
    const { pipelines } = await new BackendClient({ retryForMs: 0, timeoutMs: 5_000 }).listPipelines()
    cached = { pipelines, until: Date.now() + CACHE_MS }
    return pipelines
  } catch (error) {
    console.error("The list of pipelines cannot be read; the built-in one is used.", error)
    return FALLBACK_PIPELINES
  }
}

/** Execute a pipeline for a date (YYYY-MM-DD; yesterday, UTC, unless told). */
export async function runPipeline(
  orgSlug: string,
  pipelineId: string,
  params?: { date?: string }
): Promise<PipelineRunResult> {
  if (!PIPELINE_ID.test(pipelineId)) return refused("Invalid pipeline ID")
  return answered(orgSlug, async (backend, org) => {
    const available = await getAvailablePipelines()
    const pipeline = available.find((each) => each.id === pipelineId && each.enabled)
    if (!pipeline) {
      return refused(`Unknown pipeline: ${pipelineId}. Available: ${available.map((each) => each.id).join(", ")}`)
    }
    if (!VALID_SUBSCRIPTION_STATUSES.includes(org.billing_status || "")) {
      return refused(`Subscription is not active. Current status: ${org.billing_status}`)
    }
    const { integrations } = await backend.listIntegrations(orgSlug)
    const integrationStatusMap = Object.fromEntries(integrations.map((each) => [each.integration, each.status]))
    if (integrationStatusMap[pipeline.required_integration] !== "VALID") {
      return refused(`Required integration "${pipeline.required_integration}" is not configured.`)
    }
    const { provider, domain, pipeline: name } = pipeline
    const response = await backend.runPipeline(orgSlug, provider, domain, name, params)
    const { run_id, status, message } = response
    return { success: true, runId: run_id, status, message, result: response }
  })
}

/** Run the GCP billing pipeline for a date (YYYY-MM-DD; yesterday, UTC, unless told). */
export async function runGcpBillingPipeline(orgSlug: string, date?: string): Promise<PipelineRunResult> {
  return runPipeline(orgSlug, "gcp_billing", date ? { date } : undefined)
}

/** Get execution history, the newest runs first. */
export async function getPipelineRuns(
  orgSlug: string,
  options?: {
    status?: string
    pipelineId?: string
    startDate?: string
    endDate?: string
    limit?: number
    offset?: number
  }
): Promise<ActionResult<RunPage>> {
  const wanted: ListPipelineRunsOptions | undefined = options
  return answered(orgSlug, async (backend) => ({ success: true, data: await backend.listPipelineRuns(orgSlug, wanted) }))
}

/** Get run details with logs: steps with their messages, and the error of a failed run. */
export async function getPipelineRunDetail(orgSlug: string, runId: string): Promise<ActionResult<RunDetail>> {
  if (!RUN_ID.test(runId)) return refused("Invalid run ID")
  return answered(orgSlug, async (backend) => ({ success: true, data: await backend.getPipelineRun(orgSlug, runId) }))
}

/** Lets a member of the organization act with its key; every failure becomes a sentence. */
async function answered<Result>(
  orgSlug: string,
  act: (backend: BackendClient, org: Organization) => Promise<Result>
): Promise<Result | { success: false; error: string }> {
  if (!ORG_SLUG.test(orgSlug)) return refused("Invalid organization slug")
  try {
    const user = await getDirectory().currentUser()
    if (!user) return refused("Not authenticated")
    const org = await getDirectory().organization(orgSlug)
    if (!org?.members.includes(user)) return refused("Not a member of this organization")
    const orgApiKey = await getOrgApiKeySecure(orgSlug)
    if (!orgApiKey) return refused("Organization API key not found. Complete backend onboarding first.")
    return await act(new BackendClient({ orgApiKey }), org)
  } catch (error) {
    return refused(error instanceof Error ? error.message : "Pipeline execution failed")
  }
}

function refused(error: string): { success: false; error: string } {
  return { success: false, error }
}
