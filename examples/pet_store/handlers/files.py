"""Downloads and forms."""

from uuid import UUID

from brrt import Handlers, NotFound, Reply
from examples.pet_store.models import Application, NewApplication
from examples.pet_store.store import Store

handlers = Handlers()


@handlers
async def download_file(id: UUID, store: Store) -> Reply:
    """Bytes go out as they are, as one of the media types of the document."""
    file = await store.file(id)
    if file is None:
        raise NotFound(f"no file {id}")
    headers = {"Content-Disposition": f'attachment; filename="{file.name}"'}
    return Reply(file.content, media_type=file.media_type, headers=headers)


@handlers
async def apply_for_pet(body: NewApplication, store: Store) -> Application:
    """The body is an HTML form; the handler cannot tell, and need not."""
    if application := await store.add_application(body):
        return application
    raise NotFound(f"no pet {body.pet_id}")
