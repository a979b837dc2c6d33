"""Tests: unit/smtp/extensions."""
