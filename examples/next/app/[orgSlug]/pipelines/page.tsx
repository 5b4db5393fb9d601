import { getAvailablePipelines, getPipelineRuns } from "@/actions/pipelines"
import { PipelineRunner } from "@/components/pipeline-runner"

/** Pipelines that can be run, each with its button, and what came of the newest runs. */
export default async function PipelinesPage({ params }: { params: Promise<{ orgSlug: string }> }) {
  const { orgSlug } = await params
  const [pipelines, runs] = await Promise.all([getAvailablePipelines(), getPipelineRuns(orgSlug, { limit: 5 })])
  return (
    <main>
      <h1>Pipelines</h1>
      <ul>
        {pipelines
          .filter((pipeline) => pipeline.enabled)
          .map((pipeline) => (
            <li key={pipeline.id}>
              <h2>{pipeline.name}</h2>
              <p>{pipeline.description}</p>
              <PipelineRunner orgSlug={orgSlug} pipelineId={pipeline.id} name={pipeline.name} />
            </li>
          ))}
      </ul>
      <h2>Recent runs</h2>
      {runs.success ? (
        <ul>
          {runs.data.runs.map((run) => (
            <li key={run.run_id}>
              {run.pipeline} for {run.date}: {run.status}
            </li>
          ))}
        </ul>
      ) : (
        <p role="alert">{runs.error}</p>
      )}
      <a href={`/${orgSlug}/pipelines/logs`}>All runs</a>
    </main>
  )
}
