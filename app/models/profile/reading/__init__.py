"""What pages about one patient read alike: each part is one statement, bounded in rows."""
