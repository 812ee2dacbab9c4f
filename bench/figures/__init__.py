"""Pictures and tables, drawn from results files only; what has to be measured first is in `runs`."""
