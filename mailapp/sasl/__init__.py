"""SASL mechanisms (RFC 4422) as challenge and response machines; pure."""
