"""Tests of mailapp.fetch."""
