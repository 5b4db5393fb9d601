"""The tables that Anthropic's reports go to, in the order of their DDL in `sql/org/`."""

from providers.source import Column, Table

USAGE_TABLE = Table(
    "anthropic_usage_daily_raw",
    [
        Column("usage_date", "DATE", required=True),
        Column("api", "STRING", required=True),
        *(Column(n, "STRING") for n in ("workspace_id", "api_key_id", "model", "service_tier", "context_window")),
        *(
            Column(name, "INT64", required=True)
            for name in (
                "input_tokens",
                "output_tokens",
                "uncached_input_tokens",
                "cache_read_input_tokens",
                "cache_creation_5m_input_tokens",
                "cache_creation_1h_input_tokens",
                "web_search_requests",
            )
        ),
        Column("requests", "INT64"),
        Column("data_refreshed_at", "TIMESTAMP"),
        Column("extra", "STRING"),
    ],
)
COST_TABLE = Table(
    "anthropic_cost_daily_raw",
    [
        Column("usage_date", "DATE", required=True),
        Column("api", "STRING", required=True),
        *(
            Column(name, "STRING")
            for name in (
                "workspace_id",
                "api_key_id",
                "description",
                "cost_type",
                "token_type",
                "model",
                "service_tier",
                "context_window",
                "inference_geo",
            )
        ),
        Column("amount", "NUMERIC", required=True),
        Column("list_amount", "NUMERIC"),
        Column("currency", "STRING", required=True),
        Column("requests", "INT64"),
        Column("data_refreshed_at", "TIMESTAMP"),
        Column("raw", "STRING", required=True),
    ],
)
CLAUDE_CODE_TABLE = Table(
    "anthropic_claude_code_daily_raw",
    [
        Column("usage_date", "DATE", required=True),
        Column("actor_type", "STRING", required=True),
        *(Column(n, "STRING") for n in ("api_key_name", "customer_type", "subscription_type", "terminal_type")),
        *(Column(n, "INT64") for n in ("num_sessions", "lines_added", "lines_removed", "commits", "pull_requests")),
        *(
            Column(name, "INT64", required=True)
            for name in ("input_tokens", "output_tokens", "cache_read_tokens", "cache_creation_tokens")
        ),
        Column("estimated_cost", "NUMERIC", required=True),
        Column("currency", "STRING"),
        Column("model_breakdown", "STRING", required=True),
        Column("tool_actions", "STRING", required=True),
        Column("extra", "STRING"),
    ],
)
