"""What goes along axes: sums, statistics, cumulative forms, sorting and counting."""
