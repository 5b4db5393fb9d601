-- Records what somebody is in an org from now on. An INSERT and no stream: the id of its job lets one change follow
-- another, so that two owners who leave at once do not leave the org without any.
-- @org_slug STRING: the org
-- @user_id STRING: who, as the identity provider names them
-- @role STRING: owner, admin or member; any other word ends the membership
-- @created_at TIMESTAMP: now, later than every row of the org
INSERT INTO organizations.org_members (org_slug, user_id, role, created_at)
VALUES (@org_slug, @user_id, @role, @created_at)
