"""Tests: unit/smtp/grammar."""
