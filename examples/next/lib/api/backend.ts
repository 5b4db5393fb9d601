/** Where the application imports its client from; the address of the API is CLOUDACT_API_URL. */
export { BackendClient, PipelineBackendClient, Problem } from "@cloudact/pipelines/compat"
export type { ListPipelineRunsOptions, Pipeline, RunDetail, RunPage, Started } from "@cloudact/pipelines/compat"
