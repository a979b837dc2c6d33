"""Octets to frozen values, one function for each ABNF rule of RFC 9051, section 9."""
