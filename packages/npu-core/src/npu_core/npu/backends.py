"""`torch.npu.backends`: the cache of plans for Fourier transforms."""


class NPUFFTPlanCache:
    """Plans of Fourier transforms. CANN's operators take none, so none is kept and `size` is 0."""

    def __init__(self) -> None:
        self._max_size = 0

    @property
    def size(self) -> int:
        """How many plans are kept."""
        return 0

    @property
    def max_size(self) -> int:
        """How many may be kept."""
        return self._max_size

    @max_size.setter
    def max_size(self, most: int) -> None:
        if not 0 <= most <= 99:
            raise ValueError(f"max_size is from 0 to 99, got {most!r}")
        self._max_size = most

    def clear(self) -> None:
        """Forgets all plans."""


fft_plan_cache = NPUFFTPlanCache()
