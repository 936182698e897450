"""Training data: samples, labels, splits, checks, statistics, and files cut, resized or converted. What `seaice data` does."""
