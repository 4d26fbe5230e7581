"""What the settings of the edge have in common: how they are refused, and tuples of texts."""

from typing import Any, TypeGuard

from brrt.config import SettingError


def wrong(name: str, value: Any, cure: str) -> SettingError:
    """What is raised for a setting that cannot be."""
    return SettingError(f"{name} cannot be {value!r}; {cure}")


def check_texts(name: str, value: Any) -> tuple[str, ...]:
    """The value as a tuple of texts. Raises `SettingError`."""
    if not _is_tuple(value) or not all(isinstance(one, str) for one in value):
        raise wrong(name, value, "give a tuple of strings")
    return value


def check_whole(name: str, value: Any, least: int, most: int) -> None:
    """Raises `SettingError` for what is no whole number in this range."""
    is_number = isinstance(value, int) and not isinstance(value, bool)
    if not is_number or not least <= value <= most:
        raise wrong(name, value, f"give a whole number from {least} to {most:,}")


def _is_tuple(value: Any) -> TypeGuard[tuple[Any, ...]]:
    return isinstance(value, tuple)
