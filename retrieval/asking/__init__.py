"""What is asked: the parts of a query, photos among them."""
