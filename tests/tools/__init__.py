"""Programs that read the sources: what is cited, which attacks are played."""
