"""Which team of the company each charge is of, as a rule of its labels says: by tag, project and workspace."""

from decimal import Decimal

from cloudact.costs.labels import Condition, Label, Rule, Share
from localcloud.company.names import anthropic_names, openai_names

TEAMS_OF_PROJECTS = {"assistant": "product", "search": "product", "support": "support", "enrichment": "data"}
TEAMS_OF_WORKSPACES = {"Engineering": "platform", "Support": "support", "Evaluations": "ml"}
OF_RESEARCH = (("ml", Decimal("0.7")), ("product", Decimal("0.3")))


def team_label(company: str) -> Label:
    """The label `team` of a company of `companies.COMPANIES`; what is of no project or workspace stays unattributed."""
    openai, anthropic = openai_names(company), anthropic_names(company)
    of_ids = {openai.projects[key].id: team for key, team in TEAMS_OF_PROJECTS.items()}
    of_ids |= {anthropic.workspaces[name].id: team for name, team in TEAMS_OF_WORKSPACES.items()}
    research = Condition(dimension="sub_account", one_of=(openai.projects["research"].id,))
    shares = tuple(Share(value=team, share=share) for team, share in OF_RESEARCH)
    rules = [_rule("tag:team", team, team) for team in ("platform", "product", "data", "ml", "security")]
    rules += [_rule("sub_account", project, team) for project, team in of_ids.items()]
    return Label(name="team", rules=(*rules, Rule(when=(research,), shares=shares)))


def _rule(dimension: str, value: str, team: str) -> Rule:
    return Rule(when=(Condition(dimension=dimension, one_of=(value,)),), value=team)
