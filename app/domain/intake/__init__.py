"""What hospital systems tell us."""
