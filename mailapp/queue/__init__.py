"""Mail that waits: the spool, its schedule, and who carries it on."""
