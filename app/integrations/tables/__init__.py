"""Tables: views of hospital databases, and files with rows, read by a mapping."""
