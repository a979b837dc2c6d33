"""Tests: unit/message."""
