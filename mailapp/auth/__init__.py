"""Who may come in: credentials, checkers, realm and throttle (twisted.cred)."""
