"""The Internet Message Format (RFC 5322) and MIME (RFC 2045 ff.), on octets; pure."""
