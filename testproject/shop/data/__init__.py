"""The price list of the shop, and the script that wrote it."""
