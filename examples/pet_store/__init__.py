"""The pet store: the example service of brrt.

    uvicorn examples.pet_store:app
    brrt run examples.pet_store:app

Importing this package reads the document and nothing else; the store is opened when the app
starts, and closed when it stops.
"""

from examples.pet_store.app import build

app = build()
