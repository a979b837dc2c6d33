"""Tests: unit/net."""
