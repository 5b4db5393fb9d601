"""OpenAI's usage and costs of one UTC day, for a run. Only jobs open it."""

from providers.calls import Calls
from providers.directory import Directory
from providers.notes import Notes
from providers.openai.api import OPENAI
from providers.openai.directory import directory
from providers.openai.reports import COST_TABLE, USAGE_TABLE, OpenAiReports
from providers.reports import Reports, ReportSource, open_api
from providers.source import Source, SourceContext


def open_source(context: SourceContext) -> Source:
    """The source of the run's day; nothing is called before it is read."""

    def open_reports(notes: Notes, calls: Calls) -> Reports:
        api = open_api(context, OPENAI, calls)
        return OpenAiReports(api, context.run.date, notes)

    return ReportSource(OPENAI.name, (USAGE_TABLE, COST_TABLE), open_reports, context.break_off)


def open_directory(context: SourceContext, calls: Calls) -> Directory:
    """The lists of what has a name in the org's organization; nothing is called before they are read."""
    return directory(open_api(context, OPENAI, calls))
