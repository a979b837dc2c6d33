"""Tests: unit/smtp."""
