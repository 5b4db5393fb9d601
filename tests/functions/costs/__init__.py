"""Tests of the API of costs."""
