"""Tests: unit/delivery."""
