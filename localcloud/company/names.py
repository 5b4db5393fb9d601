"""What the company calls its projects, workspaces, keys and people at OpenAI and Anthropic, by their ids.

A person is an id and a role here: no vendor's list is needed to know what somebody works on, and no e-mail is stored.
"""

from dataclasses import dataclass

from localcloud.company.companies import COMPANIES
from localcloud.providers.anthropic.usage import workspace
from localcloud.providers.facts import token


@dataclass(frozen=True)
class Named:
    """An id with its name; `within` is the id of the project or workspace that it belongs to, if any."""

    id: str
    name: str
    within: str | None = None


@dataclass(frozen=True)
class OpenAiNames:
    """What OpenAI's lists of an organization tell, by the short names that `company.openai` uses."""

    projects: dict[str, Named]
    keys: dict[str, Named]
    users: dict[str, Named]


@dataclass(frozen=True)
class AnthropicNames:
    """What Anthropic's lists of an organization tell, by the short names that `company.anthropic` uses."""

    workspaces: dict[str, Named]
    keys: dict[str, Named]
    users: dict[str, Named]


OPENAI_PROJECTS = {
    "assistant": "Assistant",
    "search": "Semantic Search",
    "support": "Support Copilot",
    "enrichment": "Data Enrichment",
    "research": "Research",
}
OPENAI_KEYS = {  # short name: the project and the name
    "assistant-api": ("assistant", "assistant-api-prod"),
    "assistant-staging": ("assistant", "assistant-api-staging"),
    "indexer": ("search", "search-indexer"),
    "queries": ("search", "search-queries"),
    "copilot": ("support", "support-copilot"),
    "nightly": ("enrichment", "nightly-enrichment"),
    "notebooks": ("research", "notebooks"),
}
WORKSPACES = ("Default", "Engineering", "Support", "Evaluations")  # the first is the one whose id is hidden
ANTHROPIC_KEYS = {  # short name: the number of the workspace and the name
    "triage": (2, "ticket-triage"),
    "answers": (2, "support-answers"),
    "evals": (3, "evaluation-runner"),
    "ci": (1, "code-review-bot"),
}
PEOPLE = {"owner": "Platform lead", "research": "Research engineer"}


def openai_names(company: str) -> OpenAiNames:
    """The names at OpenAI of a company of `companies.COMPANIES`."""
    seed = COMPANIES[company].seed
    projects = {
        key: Named(f"proj_{token(company, seed, 'project', key, length=24)}", name)
        for key, name in OPENAI_PROJECTS.items()
    }
    keys = {
        key: Named(f"key_{token(company, seed, 'key', key)}", name, projects[project].id)
        for key, (project, name) in OPENAI_KEYS.items()
    }
    users = {key: Named(f"user-{token(company, seed, 'user', key, length=24)}", name) for key, name in PEOPLE.items()}
    return OpenAiNames(projects, keys, users)


def anthropic_names(company: str) -> AnthropicNames:
    """The names at Anthropic of a company of `companies.COMPANIES`."""
    seed = COMPANIES[company].seed
    workspaces = {name: Named(workspace(seed, number), name) for number, name in enumerate(WORKSPACES)}
    keys = {
        key: Named(f"apikey_{token(company, seed, 'key', key, length=24)}", name, workspace(seed, number))
        for key, (number, name) in ANTHROPIC_KEYS.items()
    }
    users = {key: Named(f"user_{token(company, seed, 'user', key, length=24)}", name) for key, name in PEOPLE.items()}
    return AnthropicNames(workspaces, keys, users)
