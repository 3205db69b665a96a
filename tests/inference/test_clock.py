"""A server's clock instead of this machine's."""

from dataclasses import dataclass

from inference.clock import ServerClock


@dataclass
class Machine:
    """This machine's two clocks."""

    unix: float = 1000.0
    steady: float = 50.0

    def go_on(self, seconds: float) -> None:
        self.unix += seconds
        self.steady += seconds


def clock_of(machine: Machine, tolerance_s: float = 0.0) -> ServerClock:
    return ServerClock(tolerance_s, local=lambda: machine.unix, steady=lambda: machine.steady)


def test_before_it_has_learned_it_is_this_machines() -> None:
    machine = Machine()
    clock = clock_of(machine)
    machine.go_on(5)
    assert clock() == 1005


def test_it_goes_on_from_what_the_server_said_though_this_machines_is_set() -> None:
    machine = Machine()
    clock = clock_of(machine)
    clock.learn(7000)
    machine.go_on(5)
    assert clock() == 7005
    machine.unix -= 3600
    assert clock() == 7005


def test_a_small_difference_is_left_to_this_machine() -> None:
    machine = Machine()
    clock = clock_of(machine, tolerance_s=3)
    clock.learn(1001.5)
    assert clock() == 1000
    clock.learn(1010)
    assert clock() == 1010
