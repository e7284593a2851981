"""What a decorated function asks for, read from its code; `inspect` only where that does not do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def missing_arguments(function: Any, given: int) -> list[str]:
    """The names of the arguments without default, after the first `given` ones; none for what is not callable."""
    if not callable(function):
        return []
    code = getattr(getattr(function, "__func__", function), "__code__", None)
    if code is None or hasattr(function, "__wrapped__"):
        return _inspected(function, given)
    bound = 1 if hasattr(function, "__self__") else 0
    names = code.co_varnames
    last = code.co_argcount - len(function.__defaults__ or ())
    only = names[code.co_argcount : code.co_argcount + code.co_kwonlyargcount]
    keyword = [name for name in only if name not in (function.__kwdefaults__ or ()) and name != "meta"]
    return _without_incremental(function, [*names[bound + given : last], *keyword])


def _inspected(function: Any, given: int) -> list[str]:
    import inspect

    try:
        parameters = list(inspect.signature(function).parameters.values())[given:]
    except (TypeError, ValueError):
        return []
    variable = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    names = [p.name for p in parameters if p.default is p.empty and p.kind not in variable and p.name != "meta"]
    return _without_incremental(function, names)


def _without_incremental(function: Any, names: list[str]) -> list[str]:
    """Names without that of an incremental, which the configuration or the hints may have."""
    if not names:
        return names
    from dlt.extract.attach import asks_for

    return [name for name in names if not asks_for(function, name)]


def bound_arguments(
    function: Callable[..., Any], given: int, args: Any, kwargs: Any, *, partial: bool = False
) -> dict[str, Any]:
    """The arguments of a call by name, without the first `given` ones. TypeError if they do not fit; partial: some may
    be missing."""
    import inspect

    signature = inspect.signature(function)
    try:
        bound = (signature.bind_partial if partial else signature.bind)(*(None,) * given, *args, **kwargs)
    except TypeError as wrong:
        raise TypeError(f"{getattr(function, '__name__', function)}(): {wrong}") from None
    return dict(list(bound.arguments.items())[given:])


def takes_item(function: Any) -> bool:
    """True when a function can be called with an item as its first positional argument."""
    code = getattr(function, "__code__", None)
    if code is None or hasattr(function, "__wrapped__"):
        import inspect

        try:
            parameters = inspect.signature(function).parameters.values()
        except (TypeError, ValueError):
            return True
        return any(p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD, p.VAR_POSITIONAL) for p in parameters)
    return bool(code.co_argcount or code.co_flags & 0x04)  # CO_VARARGS


def is_generator(function: Any) -> bool:
    """True for a generator, also an async one, and for a function that makes one."""
    import inspect
    from functools import partial

    while isinstance(function, partial):
        function = function.func
    made = inspect.isgenerator(function) or inspect.isasyncgen(function)
    return made or inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function)


def has_meta(function: Any) -> bool:
    """True when a function has an argument named `meta`: it gets the mark of the item."""
    import inspect

    try:
        return "meta" in inspect.signature(function).parameters
    except (TypeError, ValueError):
        return False
