"""Downloads and forms."""

from urllib.parse import quote
from uuid import UUID

from brrt import Handlers, NotFound, Reply, UploadFile
from examples.pet_store.models import Application, File, NewApplication
from examples.pet_store.store import Store

handlers = Handlers()


@handlers
async def download_file(id: UUID, store: Store) -> Reply[bytes]:
    """Bytes go out as they are, as one of the media types of the document."""
    file = await store.file(id)
    if file is None:
        raise NotFound(f"no file {id}")
    headers = {"Content-Disposition": _attachment(file.name)}
    return Reply(file.content, media_type=file.media_type, headers=headers)


@handlers
async def upload_file(file: UploadFile, title: str | None, store: Store) -> Reply[File]:
    """A member of the form is a parameter like any other; a file comes as an `UploadFile`."""
    name = title or file.filename or "file"
    kind = file.content_type or "application/octet-stream"
    kept = await store.add_file(name[:100], kind, await file.read())
    told = File(kept.id, kept.name, kept.media_type, len(kept.content))
    return Reply(told, location=f"/download/{kept.id}")


@handlers
async def apply_for_pet(body: NewApplication, store: Store) -> Application:
    """The body is an HTML form; the handler cannot tell, and need not."""
    if application := await store.add_application(body):
        return application
    raise NotFound(f"no pet {body.pet_id}")


def _attachment(name: str) -> str:
    """A name that any browser reads, whatever stands in it (RFC 6266, section 4.3)."""
    if name.isascii() and name.isprintable() and not set(name) & set('"\\'):
        return f'attachment; filename="{name}"'
    return f"attachment; filename*=UTF-8''{quote(name, safe='')}"
