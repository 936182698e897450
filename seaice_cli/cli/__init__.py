"""Words only: one command per file, shared options, the one error boundary."""
