"""Overrides from the command line, none of which may be lost without a word."""

from __future__ import annotations

import ast
import inspect
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mmengine.config import Config, DictAction
from mmengine.runner import FlexibleRunner, Runner

from slotcon_mm.config_nodes import short_type
from slotcon_mm.launch.auto_keys import AUTO
from slotcon_mm.launch.leftovers import leftovers, strange_arguments
from slotcon_mm.launch.schedules import schedules_of_config

__all__ = ["expect_known_arguments", "keys_of", "merge_overrides"]

NO_LITERAL = object()
PATHS = ("ann_file", "checkpoint", "data_root", "load_from", "work_dir")  # last parts of keys
# what MMEngine (0.10.7) reads of parts of a config that nothing builds
READ_KEYS = {
    "auto_scale_lr": {"base_batch_size", "enable"},
    "env_cfg": {"cudnn_benchmark", "dist_cfg", "mp_cfg", "resource_limit"},
}
# read by Runner from the whole config rather than as arguments (mmengine 0.10.7)
READ_FROM_CONFIG = {
    "activation_checkpointing",
    "adaptation",  # by this package
    "auto_scale_lr",
    "compile",
    "custom_imports",
    "efficient_conv_bn_eval",
    "find_unused_parameters",
    "model_wrapper_cfg",
    "runner_type",
    "sync_bn",
    "tta_model",
    "tta_pipeline",
}


def merge_overrides(config: Config, given: Sequence[str] | dict[str, Any] | None) -> list[str]:
    """Merges ``--cfg-options``, as a shell passes them or as values by their keys, into ``config``.

    Returns:
        Lines for the log: what another ``type`` replaced.

    Raises:
        ValueError: One has no ``=``, leads through what is no dict and no list, or sets a helper variable of the config
            file (``data_root``, say), which nothing reads once the file has been parsed.
    """
    overrides = given if isinstance(given, dict) else parse_overrides(config, given or [])
    overrides = dict(sorted(overrides.items(), key=lambda item: item[0].count(".")))  # a whole before its parts
    for name in overrides:
        top = name.partition(".")[0]
        if top not in keys_that_are_read():
            places = list(find_key(config, top))
            hint = (
                "set the place that reads it: " + ", ".join(f"{place}=..." for place in places)
                if places
                else f"nothing in {config.filename} is called so"
            )
            raise ValueError(f"expected an override that reaches something, got {name}, which nothing reads: {hint}")
    for name, value in overrides.items():
        wholes = [other for other in overrides if name.startswith(f"{other}.")]
        if any(not isinstance(overrides[whole], dict) for whole in wholes):
            raise ValueError(f"expected {wholes[0]} or {name}, got both: set {wholes[0]} whole")
        if not wholes:
            expect_way_to(config, name, value)
    notes = replace_types(config, overrides)
    config.merge_from_dict({key: whole_value(config, key, value) for key, value in overrides.items()})
    return notes


def keys_of(given: Sequence[str] | Mapping[str, Any] | None) -> set[str]:
    """The keys that ``--cfg-options`` sets, in the form of ``merge_overrides``."""
    return {item.partition("=")[0] for item in given or ()}


def expect_way_to(config: Config, key: str, value: Any) -> None:
    """ValueError where a dotted key leads through what is no dict and no list, or past the end of a list.

    MMEngine (0.10.7) changes a list's dicts alone; other entries are set with their list.
    """
    place, node = "", config
    names = key.split(".")
    for i, name in enumerate(names):
        if isinstance(node, list):
            if not (name.isdigit() and int(name) < len(node)):
                known = f"0 to {len(node) - 1}" if node else "none, since the list is empty"
                raise ValueError(f"expected an entry of {place} in {key}, {known}, got {name!r}")
            node = node[int(name)]
            is_last = i == len(names) - 1
            if not isinstance(node, dict) or (is_last and not isinstance(value, dict)):
                raise ValueError(f"expected {place}=[...], the whole list, got {key}: its entry {name} is {node!r}")
        elif isinstance(node, dict | Config):
            if name not in node:
                return
            node = node[name]
        else:
            raise ValueError(f"expected {place}=..., the whole value, got {key}: {place} is {node!r}, no dict or list")
        place = f"{place}.{name}" if place else name


def whole_value(config: Config, key: str, value: Any) -> Any:
    """Other than the dicts that MMEngine merges: one in the place of what is no dict, which MMEngine would refuse, and
    a label set, which is one value and not to be mixed from two."""
    place, _, name = key.rpartition(".")
    holder = value_at(config, place) if place else config
    if not isinstance(value, dict) or not isinstance(holder, dict | Config) or name not in holder:
        return value
    return {**value, "_delete_": True} if name == "label_set" or not isinstance(holder[name], dict) else value


def replace_types(config: Config, overrides: dict[str, Any]) -> list[str]:
    """Removes what the parts that get another ``type`` hold for their old one; returns a line for each."""
    notes = []
    for key, value in overrides.items():
        place, new = key, value.get("type") if isinstance(value, dict) and not value.get("_delete_") else None
        if key.endswith(".type"):
            place, new = key.removesuffix(".type"), value
        node = value_at(config, place)
        old = node.get("type") if isinstance(node, dict) else None
        if not (isinstance(old, str) and isinstance(new, str)) or old == new:
            continue
        given = {name for name in node if any(f"{name_of}.".startswith(f"{place}.{name}.") for name_of in overrides)}
        given |= set(value) if isinstance(value, dict) else set()
        left = leftovers(node, new, config.get("default_scope"))
        dropped = {name: default for name, default in left.items() if name not in given}
        if not dropped:
            continue
        gone = ", ".join(f"{name}={node.pop(name)!r}" for name in dropped)
        defaults = {name: default for name, default in dropped.items() if default is not None}
        node.update(defaults)
        instead = ", ".join(f"{name}={default!r}" for name, default in defaults.items())
        notes.append(
            f"{place}: {new} in place of {old}, without its {gone}"
            + (f"; {new}'s defaults hold: {instead}" if instead else "")
        )
        if place == "optim_wrapper.optimizer":
            notes += [
                f"{schedule_at} still leads the weight decay to {schedule.get('final')}: set {schedule_at}.final to "
                f"what suits {new}"
                for schedule_at, schedule in schedules_of_config(config).items()
                if short_type(schedule) == "CosineWeightDecay" and f"{schedule_at}.final" not in overrides
            ]
    return notes


def expect_known_arguments(config: Config) -> None:
    """ValueError where optimizer, model or a part of it has arguments that its type does not take, of an inherited one
    mostly; and where MMEngine (0.10.7) would pass over a key."""
    for place, known in READ_KEYS.items():
        if strange := sorted(set(config.get(place) or {}) - known):
            raise ValueError(f"expected the keys {', '.join(sorted(known))} in {place}, got {', '.join(strange)}")
    own = ("model", "model.neck", "model.group_head", "model.slot_head")  # of others, **kwargs may mean anything
    for place in ("optim_wrapper.optimizer", "model.backbone", *own):
        node = value_at(config, place)
        kind = node.get("type") if isinstance(node, dict) else None
        if not isinstance(kind, str) or (place in own and not kind.startswith("slotcon_mm.")):
            continue
        if strange := strange_arguments(node, config.get("default_scope")):
            raise ValueError(
                f"expected arguments of {kind} in {place}, got {', '.join(strange)}: leave them out, or in a config "
                f"that inherits them write {place.rpartition('.')[2]}=dict(_delete_=True, type={kind!r}, ...)"
            )


def parse_overrides(config: Config, given: Sequence[str]) -> dict[str, Any]:
    """``KEY=VALUE`` arguments as keys and values."""
    found = {}
    for argument in given:
        key, equals, text = argument.partition("=")
        if not key or not equals:
            raise ValueError(f"expected --cfg-options KEY=VALUE, got {argument!r}: write it without spaces around '='")
        found[key] = parse_value(text, value_at(config, key), is_path=key.rpartition(".")[2] in PATHS)
    return found


def parse_value(text: str, present: Any, *, is_path: bool = False) -> Any:
    """A value as the config would hold it.

    Python literals are read as such, lists also without quotes (``[a,b]``, ``1,2``). Text stays as the shell passed it,
    spaces, commas and digits included, where it replaces text or is a path. (MMEngine 0.10.7 removes spaces, cuts at
    commas and makes numbers of digits wherever they stand.) So do the texts of a list that replaces texts.

    Args:
        text: After the equals sign.
        present: What the config has there; None if nothing.
        is_path: Whether the key is that of a path, whatever the config has.
    """
    if present == AUTO:  # in place of a number
        present = None
    if is_path and not isinstance(present, list | tuple):
        literal = literal_in(text)
        return text if literal is NO_LITERAL or isinstance(literal, int | float) else literal
    if isinstance(present, list | tuple) and present and all(isinstance(one, str) for one in present):
        return parse_texts(text)
    is_bracketed = text[:1] + text[-1:] in ("[]", "()", "{}") or (text.startswith("dict(") and text.endswith(")"))
    literal = literal_in(text)
    if literal is NO_LITERAL:
        if not is_bracketed and (isinstance(present, str) or os.sep in text):
            return text
        return parse_as_mmengine(text)
    if isinstance(present, str) and not is_bracketed and not isinstance(literal, str) and literal is not None:
        return text
    return list(literal) if isinstance(literal, tuple) and not is_bracketed else literal


def literal_in(text: str) -> Any:
    """The value of a Python literal, also with ``dict(...)`` as configs write it; ``NO_LITERAL`` of other text."""
    try:
        return ast.literal_eval(DictsOfCalls().visit(ast.parse(text.strip(), mode="eval")))
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return NO_LITERAL


class DictsOfCalls(ast.NodeTransformer):
    """``dict(key=value)`` to ``{"key": value}``."""

    def visit_Call(self, node: ast.Call) -> ast.AST:
        names = [keyword.arg for keyword in node.keywords]
        if not (isinstance(node.func, ast.Name) and node.func.id == "dict") or node.args or None in names:
            return node
        values = [self.visit(keyword.value) for keyword in node.keywords]
        return ast.Dict(keys=[ast.Constant(name) for name in names], values=values)


def parse_texts(text: str) -> list[str] | None:
    """A list of texts: a Python literal of them, or cut at commas; spaces within stay. None of ``None``."""
    literal = literal_in(text)
    if literal is None:
        return None
    if isinstance(literal, list | tuple) and all(isinstance(one, str) for one in literal):
        return [*literal]
    if isinstance(literal, str):
        return [literal]
    parts = cut(text[1:-1] if text[:1] + text[-1:] in ("[]", "()") else text)
    return [literal if isinstance(literal := literal_in(part), str) else part for part in parts]


def cut(text: str) -> list[str]:
    return [part.strip() for part in text.split(",")]


def parse_as_mmengine(text: str) -> Any:
    """``[a, b]`` and ``true`` and the like, in the spelling that MMEngine's own option takes; spaces within stay."""
    is_list = "," in text or text.startswith(("[", "("))
    is_in_brackets = text[:1] + text[-1:] in ("[]", "()")
    entries = text[1:-1] if is_in_brackets else text
    if is_list and not set(entries) & set("[](){}"):
        parts = [parse_entry(part) for part in cut(entries) if part]
        return tuple(parts) if text[0] == "(" else parts
    try:
        if not re.search(r"\bdict\(", text):
            return DictAction._parse_iterable(text) if is_list else DictAction._parse_int_float_bool(text)
    except (RecursionError, AssertionError):  # brackets that do not fit together, or calls
        pass
    raise ValueError(
        f"expected a number, a text, a list or dict(...) for --cfg-options, got {text}: quote texts within brackets"
    )


def parse_entry(text: str) -> Any:
    """Of a list: a text in quotes, a number or a bool, or a text without quotes."""
    literal = literal_in(text)
    return literal if isinstance(literal, str) else DictAction._parse_int_float_bool(text)


def value_at(config: Any, key: str) -> Any:
    """What a dotted key leads to; None if to nothing."""
    for name in key.split("."):
        if isinstance(config, list | tuple) and name.isdigit() and int(name) < len(config):
            config = config[int(name)]
        elif isinstance(config, dict | Config) and name in config:
            config = config[name]
        else:
            return None
    return config


def keys_that_are_read() -> set[str]:
    runners = (Runner.__init__, FlexibleRunner.__init__)
    arguments = {name for runner in runners for name in inspect.signature(runner).parameters}
    return (arguments - {"self", "cfg"}) | READ_FROM_CONFIG


def find_key(node: Any, key: str, path: str = "") -> Iterator[str]:
    """Dotted paths below the top level at which ``key`` stands."""
    items = node.items() if isinstance(node, dict | Config) else enumerate(node) if isinstance(node, list) else ()
    for name, value in items:
        place = f"{path}.{name}" if path else str(name)
        if name == key and path:
            yield place
        yield from find_key(value, key, place)
