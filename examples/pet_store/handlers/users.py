"""People, and what they wrote."""

from brrt import Handlers, NotFound, Reply
from examples.pet_store.models import Post, User, UserPage
from examples.pet_store.store import Store

handlers = Handlers()


@handlers("listUsers", workers=16, queue_size=256, timeout=5.0)
async def page_of_users(limit: int, offset: int, store: Store) -> UserPage:
    """A handler with a name of its own, and limits of its own."""
    users, total = await store.users(limit, offset)
    following = offset + limit
    path = f"/users?limit={limit}&offset={following}"
    return UserPage(users=users, total=total, next=path if following < total else None)


@handlers
async def get_user(user_id: int, store: Store) -> User:
    """`userId` of the document is `user_id` here."""
    if user := await store.user(user_id):
        return user
    raise NotFound(f"no user {user_id}")


@handlers
async def delete_user(user_id: int, store: Store) -> None:
    """None is answered with 204."""
    if not await store.delete_user(user_id):
        raise NotFound(f"no user {user_id}")


@handlers
async def head_user(user_id: int, store: Store) -> Reply[None]:
    """Only headers."""
    count = await store.post_count(user_id)
    if count is None:
        raise NotFound(f"no user {user_id}")
    return Reply(None, status=200, headers={"X-Post-Count": str(count)})


@handlers
async def options_user(user_id: int) -> Reply[None]:
    """Needs no store, so it does not ask for one."""
    return Reply(None, headers={"Allow": "GET, DELETE, HEAD, OPTIONS"})


@handlers
async def list_user_posts(user_id: int, limit: int, offset: int, store: Store) -> list[Post]:
    """No posts is an empty list; no user is a 404."""
    if not await store.user(user_id):
        raise NotFound(f"no user {user_id}")
    return await store.posts(user_id, limit, offset)


@handlers
async def get_post(user_id: int, post_id: int, store: Store) -> Post:
    """Two path parameters."""
    if post := await store.post(user_id, post_id):
        return post
    raise NotFound(f"no post {post_id} of user {user_id}")
