"""GET /validator/pipelines: the pipelines that can be run. Public and cacheable, since no org's data is in it."""

from flask import Response, request

from cloudact.error_codes import Code
from cloudact.pipelines.registry import Entry, Registry
from functions.web.answers import Answer, Catalogue, Parameter, Pipeline, answered
from functions.web.inputs import ProviderQuery, in_query
from functions.web.problems import Problem


def list_pipelines(registry: Registry) -> Response:
    """200 with all pipelines, or those of one provider."""
    provider = in_query(request.args, ProviderQuery).provider
    entries = [entry for entry in registry.entries if provider in (None, entry.provider)]
    pipelines = [_pipeline(registry, entry) for entry in entries]
    return _cacheable(Catalogue(success=True, pipelines=pipelines, total=len(entries)))


def show_pipeline(registry: Registry, pipeline: str) -> Response:
    """200 with the pipeline of this id, or 404."""
    for entry in registry.entries:
        if entry.id == pipeline:
            return _cacheable(_pipeline(registry, entry))
    known = ", ".join(entry.id for entry in registry.entries)
    raise Problem(404, f"Unknown pipeline: {pipeline[:64]}. Available: {known}", code=Code.PIPELINE_UNKNOWN)


def _pipeline(registry: Registry, entry: Entry) -> Pipeline:
    fields = entry.model_dump(include=set(Pipeline.model_fields))
    parameters = [Parameter(**parameter.model_dump()) for parameter in registry.parameters(entry)]
    return Pipeline(**fields, parameters=parameters)


def _cacheable(shape: Answer) -> Response:
    answer = answered(shape)
    answer.headers["Cache-Control"] = "public, max-age=300"
    answer.add_etag()
    answer.make_conditional(request)
    return answer
