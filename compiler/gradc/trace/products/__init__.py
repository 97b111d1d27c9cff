"""Products of arrays: contractions, convolutions, polynomials, linear algebra, Fourier transforms."""
