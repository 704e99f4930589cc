"""What other systems sent, and what their words mean."""
