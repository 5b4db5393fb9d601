"""The reports: which dimensions each has, what it measures, how its results look. As in openai-python 3.54."""

from collections.abc import Mapping
from dataclasses import dataclass

WHO = ("project_id", "user_id", "api_key_id")
CALL = (*WHO, "model")
TOKENS = (
    "input_text_tokens", "input_audio_tokens", "input_image_tokens",
    "input_cached_text_tokens", "input_cached_audio_tokens", "input_cached_image_tokens",
    "input_cache_write_30m_tokens", "input_cache_write_12h_tokens",
    "output_text_tokens", "output_audio_tokens", "output_image_tokens",
    "num_model_requests",
)  # fmt: skip
_PLURALS = {
    "project_id": "project_ids",
    "user_id": "user_ids",
    "api_key_id": "api_key_ids",
    "model": "models",
    "batch": "batch",
    "size": "sizes",
    "source": "sources",
    "vector_store_id": "vector_store_ids",
    "context_level": "context_levels",
    "line_item": "line_items",
}


@dataclass(frozen=True)
class Report:
    """`share`: facts of this report for each fact of completions, in per mille."""

    name: str
    result: str
    dims: tuple[str, ...]
    measures: tuple[str, ...]
    share: int = 100

    @property
    def filters(self) -> Mapping[str, str]:
        """Query parameters that filter, and the dimension of each; service_tier and api_source have none."""
        return {_PLURALS[dim]: dim for dim in self.dims if dim in _PLURALS}


def _report(name: str, dims: tuple[str, ...], measures: tuple[str, ...], result: str = "", share: int = 100) -> Report:
    return Report(name, f"organization.usage.{result or name}.result", dims, measures, share)


_MODEL = (*CALL, "batch", "service_tier", "api_source")
_REPORTS = (
    _report("completions", _MODEL, TOKENS, share=1000),
    _report("decisions", _MODEL, TOKENS),
    _report("embeddings", CALL, ("input_tokens", "num_model_requests")),
    _report("moderations", CALL, ("input_tokens", "num_model_requests")),
    _report("images", (*CALL, "size", "source"), ("images", "num_model_requests")),
    _report("audio_speeches", CALL, ("characters", "num_model_requests")),
    _report("audio_transcriptions", CALL, ("seconds", "num_model_requests")),
    _report("vector_stores", ("project_id",), ("usage_bytes",), share=25),
    _report("code_interpreter_sessions", ("project_id",), ("num_sessions",), share=25),
    _report("file_search_calls", (*WHO, "vector_store_id"), ("num_requests",), "file_searches", share=50),
    _report(
        "web_search_calls", (*CALL, "context_level", "api_source"), ("num_requests", "num_model_requests"),
        "web_searches",
    ),
)  # fmt: skip
USAGE = {report.name: report for report in _REPORTS}
COSTS = Report("costs", "organization.costs.result", (*WHO, "line_item", "api_source"), ("amount", "quantity"), share=0)
