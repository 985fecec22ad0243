"""A shop: customers, products, orders, and the jobs that look after them."""
