"""Reading scenes: opening, checking, validity, damaged blocks, the region that is wanted."""
