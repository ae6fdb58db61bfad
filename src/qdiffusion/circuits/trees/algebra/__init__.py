"""Words as sums of products of one-wire operators, and the matrix elements of these."""
