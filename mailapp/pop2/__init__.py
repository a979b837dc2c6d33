"""POP2 (RFC 937), in four tiers."""
