"""What can be said of a network or of its rows: what is in a file, what to doubt about a row, units."""
