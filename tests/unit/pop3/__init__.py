"""Tests: unit/pop3."""
