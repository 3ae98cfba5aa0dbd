"""Random state of the devices. A generator's state is a ByteTensor of 16 bytes: seed, then offset."""

from collections.abc import Iterable

import torch

from npu_core import _binding
from npu_core.npu._utils import _get_device_index, _lazy_call, _lazy_init
from npu_core.npu.devices import current_device, device_count

_Place = torch.device | int | str


def _generator(device: _Place) -> torch.Generator:
    _lazy_init()
    index = _get_device_index(device, optional=True)
    generators: tuple[torch.Generator, ...] = _binding.C.default_generators()
    if not 0 <= index < len(generators):
        raise IndexError(f"device npu:{index} does not exist: torch.npu.device_count() is {len(generators)}")
    return generators[index]


def get_default_generator(device_index: int) -> torch.Generator:
    """The default generator of a device. IndexError if there is no such device."""
    return _generator(device_index)


def get_rng_state(device: _Place = "npu") -> torch.Tensor:
    """State of the generator of `device`, a ByteTensor. Initialises."""
    return _generator(device).get_state()


def get_rng_state_all() -> list[torch.Tensor]:
    """The states of all devices."""
    return [get_rng_state(index) for index in range(device_count())]


def set_rng_state(new_state: torch.Tensor, device: _Place = "npu") -> None:
    """Sets the generator of `device`; on first use, if the device is not in use yet."""
    state = new_state.clone(memory_format=torch.contiguous_format)
    _lazy_call(lambda: _generator(device).set_state(state))


def _get_rng_state_offset(device: _Place = "npu") -> int:
    """How many numbers the generator of `device` has drawn since its seed."""
    return _generator(device).get_offset()


def _set_rng_state_offset(offset: int, device: _Place = "npu") -> None:
    """Continues the sequence of `device`'s seed at `offset`, a multiple of 4; on first use, if it is not in use yet."""
    _lazy_call(lambda: _generator(device).set_offset(offset))


def set_rng_state_all(new_states: Iterable[torch.Tensor]) -> None:
    """Sets the generators of all devices, in order."""
    for index, state in enumerate(new_states):
        set_rng_state(state, index)


def manual_seed(seed: int) -> None:
    """Seeds the current device; on first use, if the device is not in use yet."""
    seed = int(seed)
    _lazy_call(lambda: _generator("npu").manual_seed(seed), seed="one")


def manual_seed_all(seed: int) -> None:
    """Seeds all devices; on first use, if the device is not in use yet."""
    seed = int(seed)

    def seed_each() -> None:
        for generator in _binding.C.default_generators():
            generator.manual_seed(seed)

    _lazy_call(seed_each, seed="all")


def seed() -> None:
    """Seeds the current device from the system's entropy."""
    _lazy_call(lambda: _generator("npu").seed(), seed="one")


def seed_all() -> None:
    """Seeds all devices with one number from the system's entropy."""

    def seed_each() -> None:
        number: int | None = None
        for generator in _binding.C.default_generators():
            if number is None:
                number = generator.seed()
            else:
                generator.manual_seed(number)

    _lazy_call(seed_each, seed="all")


def initial_seed() -> int:
    """The seed of the current device."""
    return _generator(current_device()).initial_seed()
