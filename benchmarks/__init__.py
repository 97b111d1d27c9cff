"""Speed, measured against other systems in one process: ``python -m benchmarks`` (see ``--help``)."""
