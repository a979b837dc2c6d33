"""The Twisted half that all protocols share: driver, TLS, listeners, limits, DNS."""
