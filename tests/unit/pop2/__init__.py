"""Tests of mailapp.pop2."""
