"""Questions that experiments name: steady states, proofs and figures for the bars."""
