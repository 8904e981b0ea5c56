"""How well places without people are known, as the number of people of a town that is as well known.

It decides between places of one name, beside towns with their people.
"""

LANDMARK, LANDMARK_KM = 300_000, 50.0
PER_NAME = 400


def of_landmark(radius_km: float) -> int:
    """Of one on PlaceBind's own lists: a city, or several if it reaches far, the Andes are better known than a town Andes."""
    return round(LANDMARK * max(1.0, radius_km / LANDMARK_KM))


def of_names(others: int) -> int:
    """Of a river or a mountain with so many further names: what is known far away has names in many languages."""
    return PER_NAME * (1 + others) ** 2
