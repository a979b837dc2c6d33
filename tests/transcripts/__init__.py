"""Tests: transcripts."""
