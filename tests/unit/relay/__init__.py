"""Tests: unit/relay."""
