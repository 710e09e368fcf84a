"""Studies on disk: locked folders, atomic writes, checksums, and resuming."""
