import { getPipelineRunDetail, getPipelineRuns } from "@/actions/pipelines"
import type { RunDetail } from "@/lib/api/backend"

const PAGE = 20
const STATUSES = ["PENDING", "RUNNING", "SUCCESS", "FAILED", "CANCELLED"]

interface LogsPageProps {
  params: Promise<{ orgSlug: string }>
  searchParams: Promise<{ status?: string; pipelineId?: string; startDate?: string; endDate?: string; offset?: string; run?: string }>
}

/** History of runs with filters in the address, and the steps and errors of the one that `?run=` names. */
export default async function PipelineLogsPage({ params, searchParams }: LogsPageProps) {
  const { orgSlug } = await params
  const { run: runId, offset: skipped, ...filters } = await searchParams
  const offset = Number(skipped) || 0
  const given = Object.fromEntries(Object.entries(filters).filter(([, value]) => value))
  const [runs, detail] = await Promise.all([
    getPipelineRuns(orgSlug, { ...given, limit: PAGE, offset }),
    runId ? getPipelineRunDetail(orgSlug, runId) : null,
  ])
  const link = (changes: Record<string, string>) => `?${new URLSearchParams({ ...given, ...changes })}`
  return (
    <main>
      <h1>Pipeline runs</h1>
      <form>
        <label>
          Status{" "}
          <select name="status" defaultValue={filters.status ?? ""}>
            <option value="">any</option>
            {STATUSES.map((status) => (
              <option key={status}>{status}</option>
            ))}
          </select>
        </label>
        <label>
          Pipeline <input name="pipelineId" defaultValue={filters.pipelineId ?? ""} />
        </label>
        <label>
          From <input type="date" name="startDate" defaultValue={filters.startDate ?? ""} />
        </label>
        <label>
          To <input type="date" name="endDate" defaultValue={filters.endDate ?? ""} />
        </label>
        <button>Filter</button>
      </form>
      {runs.success ? (
        <>
          <table>
            <thead>
              <tr>
                <th>Pipeline</th>
                <th>Date</th>
                <th>Status</th>
                <th>Rows</th>
                <th>Seconds</th>
              </tr>
            </thead>
            <tbody>
              {runs.data.runs.map((run) => (
                <tr key={run.run_id}>
                  <td>
                    <a href={link({ run: run.run_id })}>{run.pipeline}</a>
                  </td>
                  <td>{run.date}</td>
                  <td>{run.status}</td>
                  <td>{run.rows_processed}</td>
                  <td>{run.duration_seconds}</td>
                </tr>
              ))}
            </tbody>
          </table>
          {runs.data.runs.length === 0 && <p>No runs match.</p>}
          {offset > 0 && <a href={link({ offset: String(Math.max(offset - PAGE, 0)) })}>Newer</a>}{" "}
          {runs.data.next_cursor && <a href={link({ offset: String(offset + PAGE) })}>Older</a>}
        </>
      ) : (
        <p role="alert">{runs.error}</p>
      )}
      {detail && (detail.success ? <Steps run={detail.data} /> : <p role="alert">{detail.error}</p>)}
    </main>
  )
}

function Steps({ run }: { run: RunDetail }) {
  return (
    <section>
      <h2>
        {run.pipeline} for {run.date}: {run.status}
      </h2>
      {run.error && (
        <p role="alert">
          {run.error.message} {run.error.hint}
        </p>
      )}
      <ol>
        {run.steps.map((step) => (
          <li key={step.step_logging_id}>
            {step.step_name}: {step.status}
            <ul>
              {step.messages.map((message, index) => (
                <li key={index}>
                  <time dateTime={message.at}>{message.at}</time> {message.text}
                </li>
              ))}
            </ul>
          </li>
        ))}
      </ol>
    </section>
  )
}
