"""Arguments of classes and functions."""

from __future__ import annotations

from slotcon_mm.signatures import parameters_of


class Parent:
    def __init__(self, a: int, b: int = 1, c: int = 2) -> None: ...


class Child(Parent):
    def __init__(self, b: int = 5, **kwargs: int) -> None:
        super().__init__(b=b, **kwargs)


class Heir(Child):
    pass


class Closed(Child):
    def __init__(self, d: int) -> None: ...


def made_elsewhere(**settings: int) -> dict[str, int]:
    return settings


class Wrapper(Parent):
    def __init__(self, name: str, **kwargs: int) -> None:
        super().__init__(1)
        self.wrapped = made_elsewhere(**kwargs)


class Unreadable(Parent):
    exec("def __init__(self, name, **kwargs): super().__init__(**kwargs)")


def test_keywords_that_go_on_are_those_of_the_classes_above():
    for kind in (Child, Heir):
        found = parameters_of(kind)
        assert set(found) - {"self"} == {"a", "b", "c"}
        assert (found["b"].default, found["c"].default) == (5, 2)
        assert found["a"].default is found["a"].empty


def test_a_class_that_passes_nothing_on_has_its_own_only():
    assert set(parameters_of(Closed)) - {"self"} == {"d"}


def test_keywords_for_another_library_stay_open():
    assert set(parameters_of(Wrapper)) - {"self"} == {"name", "kwargs"}


def test_where_the_source_cannot_be_read_keywords_are_taken_to_go_on():
    assert set(parameters_of(Unreadable)) - {"self"} == {"name", "a", "b", "c"}


def test_a_function_has_its_own():
    assert set(parameters_of(lambda x, **rest: x)) == {"x", "rest"}
