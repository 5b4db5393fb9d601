"""Anthropic's usage, costs and Claude Code activity of one UTC day, for a run. Only jobs open it."""

from providers.anthropic.api import ANTHROPIC
from providers.anthropic.directory import directory
from providers.anthropic.reports import CLAUDE_CODE_TABLE, COST_TABLE, USAGE_TABLE, AnthropicReports
from providers.calls import Calls
from providers.directory import Directory
from providers.notes import Notes
from providers.reports import Reports, ReportSource, open_api
from providers.source import Source, SourceContext


def open_source(context: SourceContext) -> Source:
    """The source of the run's day; the integration's setting `api` chooses between reports and analytics."""
    generation = str(context.integration.settings.get("api", "reports"))

    def open_reports(notes: Notes, calls: Calls) -> Reports:
        api = open_api(context, ANTHROPIC, calls)
        return AnthropicReports(api, context.run.date, notes, context.read_at.date(), generation)

    return ReportSource(ANTHROPIC.name, (USAGE_TABLE, CLAUDE_CODE_TABLE, COST_TABLE), open_reports, context.break_off)


def open_directory(context: SourceContext, calls: Calls) -> Directory:
    """The lists of what has a name in the org's organization; nothing is called before they are read."""
    return directory(open_api(context, ANTHROPIC, calls))
