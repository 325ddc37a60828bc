"""What a run costs on a target: counts, latency, energy, spike budget."""
