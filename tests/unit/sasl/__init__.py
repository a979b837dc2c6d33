"""Tests: unit/sasl."""
