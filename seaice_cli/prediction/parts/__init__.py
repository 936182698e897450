"""Parts: the finished rows of a run, classified, counted and kept beside its target until they are published."""
