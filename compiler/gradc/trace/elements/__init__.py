"""Functions of entries: ufuncs with their methods and keywords, by tables; what is composed of them; ``math``."""
