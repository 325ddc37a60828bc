"""Neurons onto cores, cores onto chips."""
