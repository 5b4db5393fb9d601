-- Whether BigQuery answers: reads nothing.
SELECT 1 AS one
