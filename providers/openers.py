"""The openers of sources, by the processor of a pipeline's steps. A provider's source is imported when it is opened."""

from collections.abc import Callable, Mapping

from providers.source import Source, SourceContext


def _gcp(context: SourceContext) -> Source:
    from providers.gcp.source import open_source

    return open_source(context)


def _openai(context: SourceContext) -> Source:
    from providers.openai.source import open_source

    return open_source(context)


def _anthropic(context: SourceContext) -> Source:
    from providers.anthropic.source import open_source

    return open_source(context)


OPENERS: Mapping[str, Callable[[SourceContext], Source]] = {
    "gcp.bq_etl": _gcp,
    "openai.usage_cost": _openai,
    "anthropic.usage_cost": _anthropic,
}
