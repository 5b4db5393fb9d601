"""The job: queue → provider → warehouse. One container works on the runs of one task."""
