"""Outbound: which host is next, and the dialogue with it."""
