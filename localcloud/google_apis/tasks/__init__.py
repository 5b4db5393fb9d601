"""Cloud Tasks: named tasks and their tombstones, schedules, rate limits, retries, tokens."""
