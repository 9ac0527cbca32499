"""The hot line is in a subpackage, three calls down."""

from shop.pricing.engine import price_all

print(price_all(1_100))
