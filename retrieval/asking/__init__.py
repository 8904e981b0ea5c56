"""What a question is made of: the parts of a query, photos among them."""
