"""Finding pets, in every parameter style. A handler sees none of the styles, only values."""

from brrt import Handlers
from examples.pet_store.models import Color, Kind, Pet, PetFilter, SearchResult, Stall
from examples.pet_store.store import Store

handlers = Handlers()


@handlers
async def search_pets(
    store: Store,
    x_max_results: int,
    q: str | None = None,
    tags: list[str] | None = None,
    filter: PetFilter | None = None,
    favorite: Kind | None = None,
) -> SearchResult:
    """A query in three styles, a header and a cookie."""
    return await store.search(q, tags or [], filter or PetFilter(), favorite, x_max_results)


@handlers
async def find_stall(coords: list[int]) -> Stall:
    """`/matrix/;coords=2,14` gives `[2, 14]`."""
    row, column = coords
    return Stall(coords=coords, name=f"{chr(ord('A') + row - 1)}{column}")


@handlers
async def list_pets_by_color(color: list[Color], store: Store) -> list[Pet]:
    """`/labels/.black.white` gives `["black", "white"]`."""
    return await store.pets_by_color(color)
