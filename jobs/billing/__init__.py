"""Cloud Billing export → rows of `gcp_billing_daily_raw`, for one UTC usage date."""
