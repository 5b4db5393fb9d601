"""Names of Google's projects, datasets and tables, and those that Cloud Billing proposes."""

import re

# https://cloud.google.com/resource-manager/docs/creating-managing-projects (with the old "domain.com:" prefix),
# https://cloud.google.com/bigquery/docs/datasets#dataset-naming and /tables#table_naming (its ASCII part:
# export tables are named by Google).
PROJECT = re.compile(r"(?:[a-z0-9][a-z0-9.-]*:)?[a-z][a-z0-9-]*")
DATASET = re.compile(r"[A-Za-z0-9_]{1,1024}")
TABLE = re.compile(r"[A-Za-z0-9_-]{1,1024}")
DEFAULT_DATASET = "billing_export"
DEFAULT_TABLE = "gcp_billing_export"  # the family; Google adds the kind and the billing account's id
