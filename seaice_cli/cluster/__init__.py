"""Several machines: scenes, and the parts of large ones, as tasks of a Dask cluster."""
