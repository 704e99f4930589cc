"""Who may do what, who agreed to what, and who did what."""
