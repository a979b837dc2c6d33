"""Tests: unit/auth."""
