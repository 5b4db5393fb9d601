"""The REST routes that replace bqemulator's own; each module owns one resource of Google's API."""
