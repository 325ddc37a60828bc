"""Whole sequences forward and backward in one call: natively on the CPU, or by hand-written BPTT in torch operators."""
