"""Where entries come from and go to: reshaping, joining, padding, taking, new arrays, entry by entry application."""
