"""What is to be done: packs, plans, tasks, forms, rules."""
