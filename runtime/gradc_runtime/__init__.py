"""The runtime of compiled kernels: machine code, calls, buffers. It imports nothing of the compiler."""
