"""Taking floes apart: what parts them, the watershed, and its numbers in a stream."""
