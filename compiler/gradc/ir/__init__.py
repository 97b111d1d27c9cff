"""The intermediate representation: a graph of tensor comprehensions with scalar bodies. See `tensor` and `scalar`."""
