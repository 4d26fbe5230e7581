"""What the soak is made of: the server that is watched, and the mix of its load."""
