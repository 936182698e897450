"""Sea-ice concentration: masks binned into the cells of coarse grids, and extent, area and ice edge that follow."""
