"""Streams and events. `Stream` is a torch.Stream and `Event` a torch.Event, so generic code takes them."""

from types import TracebackType
from typing import Any

import torch

from npu_core import _binding
from npu_core.npu._utils import Device, _get_device_index, _lazy_init
from npu_core.npu.devices import device as device_guard

_INTERPROCESS, _EXTERNAL = 2, 3  # kinds of events


class Event(torch.Event):
    """Marks a point of a stream's work: to wait for, to order other streams after, to measure time between two.

    Args:
        enable_timing: whether `elapsed_time` works on it.
        blocking: whether `synchronize` sleeps instead of spinning.
        interprocess: whether other processes may use it, see `ipc_handle`; ValueError together with `enable_timing`.
    """

    _interprocess = False
    _timing = False

    def __new__(cls, enable_timing: bool = False, blocking: bool = False, interprocess: bool = False) -> "Event":
        if interprocess and enable_timing:
            raise ValueError("an event for several processes has no timing: set enable_timing or interprocess")
        event = super().__new__(cls, device="npu", enable_timing=enable_timing, blocking=blocking)
        event._interprocess, event._timing = interprocess, enable_timing
        return event

    @property
    def npu_event(self) -> int:
        """Address of the native event, 0 before the first `record`."""
        return int(self.event_id)

    def record(self, stream: torch.Stream | None = None) -> None:
        """Records the event on `stream` (default: the current one)."""
        stream = current_stream() if stream is None else stream
        if not self._interprocess or self.event_id:
            return super().record(stream)
        self._make(_INTERPROCESS, b"", True, stream)

    def _make(self, kind: int, handle: bytes, record: bool, stream: torch.Stream) -> None:
        """The first record of an event of another kind, which makes or opens the native one."""
        _binding.C.prepare_event(kind, handle, record)
        try:
            super().record(stream)
        finally:
            _binding.C.forget_event()

    def wait(self, stream: torch.Stream | None = None) -> None:
        """Makes all later work on `stream` (default: the current one) wait for the event."""
        super().wait(current_stream() if stream is None else stream)

    def elapsed_time(self, end_event: torch.Event) -> float:
        """Milliseconds from this event to `end_event`; both with timing and completed, else ValueError."""
        if not (self._timing and getattr(end_event, "_timing", True)):
            raise ValueError("elapsed_time needs two events that were made with enable_timing=True")
        return float(_binding.C.event_elapsed_time(self.event_id, end_event.event_id))

    def recorded_time(self) -> int:
        """When the device passed this event, in microseconds of its own clock. Needs timing; waits for it."""
        if not self.event_id:
            raise ValueError("the event was never recorded: call record() first")
        self.synchronize()
        return int(_binding.C.event_recorded_time(self.event_id))

    def reset(self, stream: torch.Stream | None = None) -> None:
        """Nothing: an event takes a new position with each `record`, also while others wait for the last one."""

    def ipc_handle(self) -> bytes:
        """Names the event for another process, as long as this object lives; `from_ipc_handle` opens it there.

        An event that was never recorded is, on the current stream. Messages of `torch.multiprocessing` do all this by
        themselves. ValueError unless made with `interprocess=True`, and for an event that another process made.
        """
        if not self._interprocess:
            raise ValueError("ipc_handle needs an event made with interprocess=True")
        if not self.event_id:
            self.record()
        return bytes(_binding.C.event_ipc_handle(self.event_id))

    @classmethod
    def from_ipc_handle(cls, device: Device, handle: bytes) -> "Event":
        """The event of another process, on the same device: what it or this one records last is waited for.

        RuntimeError if that process has ended; ValueError for bytes that are no handle.
        """
        event = Event(interprocess=True)
        event._make(_INTERPROCESS, bytes(handle), False, default_stream(device))
        return event

    def __repr__(self) -> str:
        return f"<torch.npu.Event {self.npu_event:#x}>" if self.npu_event else "<torch.npu.Event uninitialized>"


class ExternalEvent(Event):
    """An event between the replays of a graph and work outside of it.

    Captured, `wait` makes every replay wait for a `record` outside, also for one that comes later; `reset`, captured
    after it, has the next replay wait for the next one. A captured `record` marks where each replay is. Outside of a
    capture it is an event like others.
    """

    def __new__(cls) -> "ExternalEvent":
        return super().__new__(cls, enable_timing=False)  # type: ignore[return-value]

    def _ready(self, stream: torch.Stream | None) -> torch.Stream:
        stream = current_stream() if stream is None else stream
        if not self.event_id:
            self._make(_EXTERNAL, b"", False, stream)
        return stream

    def record(self, stream: torch.Stream | None = None) -> None:
        super().record(self._ready(stream))

    def wait(self, stream: torch.Stream | None = None) -> None:
        super().wait(self._ready(stream))

    def reset(self, stream: torch.Stream | None = None) -> None:
        """`stream` forgets the last record: the next wait there is for a later one."""
        stream = self._ready(stream)
        _binding.C.event_reset(self.event_id, (stream.stream_id, stream.device_index, stream.device_type))


class Stream(torch.Stream):
    """A queue of work on one device, independent of other streams; `with torch.npu.stream(s):` makes it current.

    Args:
        device: where it runs (default: the current device).
        priority: lower runs first; clipped to `priority_range`.
    """

    def __new__(cls, device: Device = None, priority: int = 0, **triple: int) -> "Stream":
        _lazy_init()
        if triple:  # stream_id, device_index, device_type: the stream that they name
            return super().__new__(cls, **triple)
        index = _get_device_index(device, optional=True)
        if index < 0:
            index = int(_binding.C.current_device())
        return super().__new__(cls, device=torch.device("npu", index), priority=priority)

    @property
    def npu_stream(self) -> int:
        """Address of the native aclrtStream, after everything enqueued on it was handed to CANN."""
        return int(_binding.C.stream_handle(self.stream_id, self.device_index, self.device_type))

    @property
    def priority(self) -> int:
        return int(_binding.C.stream_priority(self.stream_id, self.device_index, self.device_type))

    @staticmethod
    def priority_range() -> tuple[int, int]:
        """(least, greatest) priority."""
        _lazy_init()
        least, greatest = _binding.C.stream_priority_range()
        return int(least), int(greatest)

    def wait_event(self, event: torch.Event) -> None:
        """Makes all later work on this stream wait for `event`."""
        event.wait(self)

    def wait_stream(self, stream: torch.Stream) -> None:
        """Makes all later work on this stream wait for what `stream` has been given so far."""
        self.wait_event(stream.record_event())

    def record_event(self, event: torch.Event | None = None) -> torch.Event:
        """Records `event`, or a new one, on this stream and returns it."""
        event = Event() if event is None else event
        event.record(self)
        return event

    def set_data_preprocess_stream(self, is_data_preprocess_stream: bool = False) -> None:
        """Says that the stream prepares data. torch_npu launches on it without its queue; here every stream has the
        same queue, whose order is what makes it safe, so this changes nothing."""

    def __repr__(self) -> str:
        return f"<torch.npu.Stream device={self.device} stream_id={self.stream_id:#x}>"


class ExternalStream(Stream):
    """A stream that another library made: `stream_ptr` is its aclrtStream, which must outlive this object."""

    def __new__(cls, stream_ptr: int, device: Device = None, **_: Any) -> "ExternalStream":
        _lazy_init()
        triple = _binding.C.external_stream(stream_ptr, _get_device_index(device, optional=True))
        return super().__new__(cls, **_named(triple))  # type: ignore[return-value]


class SyncLaunchStream(Stream):
    """A stream whose work is at CANN when a call returns: `npu_stream` may be handed to another library at any time.

    torch_npu keeps its queue from such a stream. Here the address of every stream waits for the queue, so this is a
    stream like others.
    """


class StreamContext:
    """Context manager behind `torch.npu.stream`."""

    def __init__(self, stream_ctx: torch.Stream | None) -> None:
        self.stream = stream_ctx
        self._before: Stream | None = None  # current stream of the current device
        self._there: Stream | None = None  # current stream of the stream's device, if that is another one

    def __enter__(self) -> None:
        if self.stream is None:
            return
        self._before = current_stream()
        if self._before.device != self.stream.device:
            with device_guard(self.stream.device):
                self._there = current_stream(self.stream.device)
        set_stream(self.stream)

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._there is not None:
            set_stream(self._there)
        if self._before is not None:
            set_stream(self._before)


def get_stream_from_external(data_ptr: int, device: Device = None) -> ExternalStream:
    """The stream of another library whose aclrtStream is at `data_ptr`: `ExternalStream`, by torch's name for it."""
    return ExternalStream(data_ptr, device)


def stream(stream: torch.Stream | None) -> StreamContext:
    """Context manager that makes `stream` and its device current; None does nothing."""
    return StreamContext(stream)


def set_stream(stream: torch.Stream | None) -> None:
    """Makes `stream` and its device current; None does nothing."""
    if stream is not None:
        _lazy_init()
        _binding.C.set_stream(stream.stream_id, stream.device_index, stream.device_type)


def _named(triple: tuple[int, int, int]) -> dict[str, int]:
    return {"stream_id": triple[0], "device_index": triple[1], "device_type": triple[2]}


def current_stream(device: Device = None) -> Stream:
    """The current stream of `device` (default: the current one)."""
    _lazy_init()
    return Stream(**_named(_binding.C.current_stream(_index(device))))


def default_stream(device: Device = None) -> Stream:
    """The default stream of `device` (default: the current one)."""
    _lazy_init()
    return Stream(**_named(_binding.C.default_stream(_index(device))))


def _index(device: Device) -> int:
    return -1 if device is None else _get_device_index(device, optional=True)
