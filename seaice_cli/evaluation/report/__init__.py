"""Reports of an evaluation: tables, JSON, csv and an HTML page."""
