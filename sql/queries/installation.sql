-- Whose the tables are; none before the first migration that knows of it.
SELECT identity
FROM organizations.installations
ORDER BY recorded_at
LIMIT 1
