"""Queue → provider → warehouse: one container runs one pipeline for one org and one date."""
