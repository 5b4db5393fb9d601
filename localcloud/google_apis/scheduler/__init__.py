"""The local stand-in for Cloud Scheduler: HTTP calls at the minutes of a crontab line, in UTC."""
