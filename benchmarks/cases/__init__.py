"""One module per case; each has ``run(systems, effort)`` giving rows of the report."""
