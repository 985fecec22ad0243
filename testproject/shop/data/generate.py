"""Write products.csv, the price list that the demo imports.

Run `python testproject/shop/data/generate.py`; it writes the same bytes every time.
"""

import csv
from collections.abc import Iterator
from itertools import product
from pathlib import Path

FILE = Path(__file__).with_name("products.csv")

COLOURS = "amber black blue cream green grey indigo olive plum red teal white"
MATERIALS = "ash bamboo brass cork glass linen oak slate steel wool"
THINGS = (
    "basket bench bookend bowl box candlestick chair clock coaster cushion desk doorstop footstool "
    "frame hook jug lamp mat mirror pot shelf stool table tray vase"
)


def rows() -> Iterator[tuple[str, str, str, int]]:
    """Yield every combination of the words once, with a price and a stock of its own."""
    combinations = product(THINGS.split(), MATERIALS.split(), COLOURS.split())
    for number, (thing, material, colour) in enumerate(combinations, start=1):
        cents = 490 + (number * 7919) % 19000 // 10 * 10
        stock = (number * 104729) % 240
        name = f"{colour} {material} {thing}".capitalize()
        yield f"HOME-{number:04}", name, f"{cents / 100:.2f}", stock


def write(file: Path = FILE) -> None:
    """Write the price list."""
    with file.open("w", newline="", encoding="utf-8") as lines:
        writer = csv.writer(lines, lineterminator="\n")
        writer.writerow(("sku", "name", "price", "stock"))
        writer.writerows(rows())


if __name__ == "__main__":
    write()
