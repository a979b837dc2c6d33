"""Service extensions (RFC 5321, section 2.2), one module each."""
