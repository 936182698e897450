"""Maps: masks and concentrations as pictures for papers and reports."""
