"""Values of settings, which may be strings, as they come from a command line."""

from __future__ import annotations

from typing import Any, Literal, get_args, get_origin

from editproof.pipelines.contract import ContractError, Param


def parse_setting(name: str, value: Param, kind: Any) -> Param:
    """The value as a setting of that type has it: `bool`, `int`, `float`, `str` or a `Literal`.

    Raises ContractError where it is none.
    """
    if get_origin(kind) is Literal:
        if value not in get_args(kind):
            raise ContractError(
                f"{name} must be one of {', '.join(get_args(kind))}; it is {value!r}"
            )
        return value
    if kind is bool:
        words = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
        if isinstance(value, bool) or str(value).lower() not in words:
            if isinstance(value, bool):
                return value
            raise ContractError(f"{name} must be true or false; it is {value!r}")
        return words[str(value).lower()]
    if kind is str:
        return str(value)
    try:
        number = float(value)
    except (ValueError, OverflowError):  # an integer may be too long for a float
        raise ContractError(f"{name} must be a number; it is {value!r}") from None
    if kind is int:
        if not number.is_integer():
            raise ContractError(f"{name} must be a whole number; it is {value!r}")
        return int(number)
    return number
