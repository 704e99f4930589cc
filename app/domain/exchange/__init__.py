"""What we ask of, hand to and tell other systems."""
