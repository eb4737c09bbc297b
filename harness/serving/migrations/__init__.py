"""How a server's database came to its present shape, step by step."""
