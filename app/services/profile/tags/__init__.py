"""Tags: the library, what machines give and people say, and how all of it stays true."""
