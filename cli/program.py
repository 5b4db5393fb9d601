"""The command `cloudact` and what it consists of."""

import click

from cli.anomalies import anomalies
from cli.balances import balances, runway
from cli.budgets import budgets, forecast
from cli.catalogue import pipelines, quota
from cli.costs import costs, unit_costs
from cli.deliveries import deliveries
from cli.failures import Interrupted
from cli.integrations import integrations
from cli.invoices import invoices
from cli.keys import keys
from cli.labels import labels
from cli.mcp.command import mcp
from cli.members import members
from cli.months import months
from cli.orgs import orgs
from cli.run_log import logs
from cli.runs import backfill, cancel, retry, run, runs, show
from cli.screen import say
from cli.timeline import timeline
from cli.version import version
from cli.webhook import webhook


class _Program(click.Group):
    def invoke(self, ctx: click.Context) -> object:
        """Runs the command; Ctrl-C gets an exit code of its own."""
        try:
            return super().invoke(ctx)
        except (KeyboardInterrupt, click.Abort) as err:
            raise Interrupted from err


def _tell_version(ctx: click.Context, _option: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        say(version())
        ctx.exit()


@click.group(cls=_Program, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_tell_version, help="Tell the commit."
)
def cloudact() -> None:
    """CloudAct Pipelines: run and watch pipelines, connect providers, onboard organizations.

    Exit codes: 0 done, 1 the run FAILED or was CANCELLED (--wait) or the integration is INVALID, 2 wrong usage,
    3 refused by the API, 4 not reachable, 5 not ended within --timeout, 130 Ctrl-C.
    """


_OF_RUNS = (run, backfill, runs, show, logs, cancel, retry)
_OF_COSTS = (costs, unit_costs, anomalies, months, budgets, forecast, balances, runway)
_OTHERS = (timeline, quota, pipelines, members, keys, integrations, labels, invoices, webhook, deliveries, mcp, orgs)
for _command in (*_OF_RUNS, *_OF_COSTS, *_OTHERS):
    cloudact.add_command(_command)
