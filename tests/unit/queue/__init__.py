"""Tests of mailapp.queue."""
