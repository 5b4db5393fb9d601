-- Records whose the tables are, unless that is known.
-- @identity STRING: the installation that migrates
INSERT INTO organizations.installations (identity, recorded_at)
SELECT @identity, CURRENT_TIMESTAMP()
FROM (SELECT COUNT(*) AS known FROM organizations.installations)
WHERE known = 0
