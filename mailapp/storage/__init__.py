"""Mail storage: the seam, and what is common to every store behind it."""
