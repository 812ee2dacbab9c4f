"""The report: one HTML file with everything in it, opened from disk, asking the network for nothing."""
