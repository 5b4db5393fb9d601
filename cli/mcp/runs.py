"""Tools about pipelines and runs: `list_pipelines`, `list_runs`."""

from cli.json_object import JsonObject
from cli.mcp.answers import PipelineLine, PipelinesTold, RunLine, RunsTold, Untrusted
from cli.mcp.arguments import NoArguments, RunsAsked
from cli.mcp.reading import Reading
from cli.pipeline_names import id_of_pipeline, written


def list_pipelines(reading: Reading, _asked: NoArguments) -> PipelinesTold:
    """Lists the pipelines that exist, with their schedule and whether the organization's integration is set up."""
    states = {each["provider"]: each["status"] for each in reading.of_org("integrations")["integrations"]}
    entries = reading.public("validator", "pipelines")["pipelines"]
    lines = [
        PipelineLine(
            pipeline=entry["id"],
            path=written(entry),
            provider=entry["provider"],
            enabled=entry["enabled"],
            schedule=entry["schedule"],
            integration_status=states.get(entry["provider"]),
        )
        for entry in entries
    ]
    return PipelinesTold(org_slug=reading.api.org, pipelines=lines)


def list_runs(reading: Reading, asked: RunsAsked) -> RunsTold:
    """Lists runs, the newest first, with filters by status, pipeline, date of the costs and day of the request."""
    query = dict(  # noqa: C408 - a vendor has the name of one of them
        status=asked.status,
        pipeline_id=id_of_pipeline(reading.api, asked.pipeline) if asked.pipeline else None,
        date=asked.date,
        start_date=asked.requested_from,
        end_date=asked.requested_to,
        limit=asked.limit,
        cursor=asked.cursor,
        total="false",
    )
    page = reading.of_org("pipelines", "runs", query=query)
    return RunsTold(
        org_slug=reading.api.org,
        runs=[RunLine(**line_of(run)) for run in page["runs"]],
        next_cursor=page["next_cursor"],
    )


def line_of(run: JsonObject) -> JsonObject:
    """Fields of a `RunLine`."""
    return {
        **{name: run[name] for name in RunLine.model_fields if name != "error"},
        "error": Untrusted.of(run["error_message"]),
    }
