"""Tests: unit/app."""
