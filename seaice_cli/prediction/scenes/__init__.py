"""Which scenes are meant, and which files are to be made of each."""
