"""Networks saved as bare weights and biases, in whatever way people name them."""
