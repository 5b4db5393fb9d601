-- Columns of focus_billing_periods, each with its type in GoogleSQL: the definition that a SchemaId stands for. Change it with
-- the columns; a test compares. cloudact/warehouse/focus.py fills in FOCUS's version and the GUID of both. When a dataset
-- got this text is the schema's CreationDate (docs/adr/0034), so nothing but the definition is in here.
CREATE OR REPLACE VIEW org_dataset.focus_billing_schema (
  FocusDatasetId OPTIONS(description = 'Dataset of FOCUS'),
  SchemaId OPTIONS(description = 'GUID of this list and of the version of FOCUS'),
  FocusVersion OPTIONS(description = 'Version of FOCUS'),
  x_Position OPTIONS(description = 'Place in focus_billing_periods, from 0'),
  ColumnName OPTIONS(description = 'Column of focus_billing_periods'),
  DataType OPTIONS(description = 'Its type in GoogleSQL')
)
OPTIONS(description = 'Columns of focus_billing_periods, a part of the FOCUS metadata: see docs/focus.md')
AS
SELECT
  'BillingPeriod' AS FocusDatasetId,
  'each_schema_id' AS SchemaId,
  'each_focus_version' AS FocusVersion,
  position AS x_Position,
  each.ColumnName AS ColumnName,
  each.DataType AS DataType
FROM UNNEST([
  STRUCT('BillingPeriodCreated' AS ColumnName, 'TIMESTAMP' AS DataType),
  ('BillingPeriodEnd', 'TIMESTAMP'),
  ('BillingPeriodLastUpdated', 'TIMESTAMP'),
  ('BillingPeriodStart', 'TIMESTAMP'),
  ('BillingPeriodStatus', 'STRING'),
  ('InvoiceIssuerName', 'STRING'),
  ('x_Provider', 'STRING'),
  ('x_OrgSlug', 'STRING'),
  ('x_ClosedAt', 'TIMESTAMP'),
  ('x_LastChangedAt', 'TIMESTAMP'),
  ('x_Days', 'INT64'),
  ('x_DaysFinal', 'INT64')
]) AS each WITH OFFSET AS position;
