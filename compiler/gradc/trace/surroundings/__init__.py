"""What a function reaches by itself: the traced copy of it, globals, modules and objects, and what the trace relies on."""
