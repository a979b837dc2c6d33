"""Tests: unit/policy."""
