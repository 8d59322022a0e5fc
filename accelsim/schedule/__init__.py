"""What happens between layers: which tensors stay in the scratchpad, and what that leaves for the plans."""
