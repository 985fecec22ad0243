"""How many pieces of a product will be sold, by chance."""

from random import Random

#: In how many of all seasons there are to be enough pieces.
SURE = 0.95


def pieces_needed(daily: float, days: int, rounds: int, chance: Random) -> int:
    """Play a season many times and return the pieces that suffice in 19 of 20 of them.

    ``daily`` is how many pieces are sold on a day, on average.
    """
    more = daily / (1 + daily)  # the chance that another piece is sold the same day
    seasons = sorted(sum(pieces_sold(more, chance) for _ in range(days)) for _ in range(rounds))
    return seasons[int(SURE * (rounds - 1))]


def pieces_sold(more: float, chance: Random) -> int:
    """Play one day."""
    sold = 0
    while chance.random() < more:
        sold += 1
    return sold
