"""Plain Python ``if``, ``while`` and ``for`` on traced values, rewritten from source to loops and branches."""
