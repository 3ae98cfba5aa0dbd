"""The bindings of libnpu_core: the whole contract between npu-core's C++ and its Python.

Conventions. A device is an `int` index; -1 means the current one where the docstring of a function says so.
Importing this module loads torch's and our
libraries but no CANN; the first function that needs CANN loads it. Functions marked [query] never initialise a device
and never poison fork. Sizes are bytes. Streams cross as torch's triple `(stream_id, device_index, device_type)`, from
which Python makes a `torch.Stream` or a class derived from it.
"""

from collections.abc import Callable
from typing import Any, final

from torch import Generator, Tensor, UntypedStorage

Triple = tuple[int, int, int]

# --- the runtime -----------------------------------------------------------------------------------------------------

def set_runtime(library_dir: str | None, reason: str) -> None:
    """Where CANN's libraries are, or None and why there are none, with the remedy. Called once, before anything below;
    RuntimeError after CANN was loaded. `library_dir` "" means: by the loader's own search path."""

def set_runtime_selector(selector: Callable[[], None]) -> None:
    """What C++ calls, once, if it needs the runtime before Python chose one (`device_count()` of the autograd engine,
    `torch.accelerator`): it calls `set_runtime` and never raises. C++ takes the GIL first and holds no lock of its own
    meanwhile, or two threads deadlock; a second call while one runs is harmless."""

def runtime_reason() -> str | None:
    """[query] None if CANN is loaded and usable, else the sentence that says what is missing and what to run."""

def runtime_version() -> str | None:
    """[query] CANN's version as it reports it, or None without a runtime."""

def init() -> None:
    """Initialises CANN for this process. Idempotent. RuntimeError with `runtime_reason()` without a runtime, and in a
    child forked after initialisation."""

def is_initialized() -> bool:
    """[query] Whether `init` succeeded in this process (False in a forked child)."""

def is_in_bad_fork() -> bool:
    """[query] Whether this process was forked from one that had initialised CANN."""

def shutdown() -> None:
    """The one ordered shutdown: flushes the launch queues, synchronises ignoring errors. Afterwards no call reaches
    CANN, and freeing tensors is a silent no-op. Idempotent."""

def core_table() -> int:
    """Address of the `npu_core_table` that plugin libraries get. [query]"""

# --- devices ---------------------------------------------------------------------------------------------------------

def device_count() -> int:
    """[query] 0 without a usable runtime. Never raises."""

def current_device() -> int:
    """The current device of this thread. [query]"""

def set_device(device: int) -> None:
    """torch.AcceleratorError with have and need if `device` does not exist. A negative device is a no-op."""

def exchange_device(device: int) -> int:
    """Makes `device` current and returns the one that was, or -1 and does nothing if `device` is negative. Creates no
    context."""

def has_primary_context(device: int) -> bool:
    """[query] Whether `device` was used by this process."""

def synchronize(device: int = ...) -> None:
    """Waits for all work of `device` (-1: current) and raises the first error that happened there."""

def can_device_access_peer(device: int, peer: int) -> bool: ...
def utilization(device: int) -> int:
    """AI Core utilisation in percent. NotImplementedError if this CANN does not tell."""

@final
class DeviceProperties:
    """What `torch.npu.get_device_properties` returns. [query]"""

    @property
    def name(self) -> str: ...
    @property
    def major(self) -> int:
        """`major` and `minor` are CANN's NPU architecture, 2201 as (22, 1); 0 if this CANN does not tell."""

    @property
    def minor(self) -> int: ...
    @property
    def total_memory(self) -> int:
        """Bytes; 0 if this CANN tells it only to an initialised process, and this one is not yet."""

    @property
    def cube_core_num(self) -> int:
        """Cube (matrix) cores, 0 if this CANN does not tell."""

    @property
    def vector_core_num(self) -> int: ...
    @property
    def multi_processor_count(self) -> int:
        """AI cores, as CANN counts them: the cube cores."""

    @property
    def L2_cache_size(self) -> int: ...
    @property
    def uuid(self) -> bytes:
        """16 bytes, or none if this CANN does not tell, or the process is not initialised."""

def device_properties(device: int) -> DeviceProperties: ...
def soc_name() -> str:
    """[query] CANN's name of the SoC, "Ascend910B2"; "" without a runtime."""

def supports_dtype(dtype: int) -> bool:
    """[query] Whether the SoC computes in this aclDataType."""

# --- streams ---------------------------------------------------------------------------------------------------------
# torch.npu.Stream derives from torch.Stream and torch.npu.Event from torch.Event: both work through our device guard.

def current_stream(device: int = ...) -> Triple:
    """torch.AcceleratorError if `device` does not exist."""

def default_stream(device: int = ...) -> Triple: ...
def set_stream(stream_id: int, device_index: int, device_type: int) -> None:
    """Makes the stream current on its device, and the device current."""

def stream_priority(stream_id: int, device_index: int, device_type: int) -> int: ...
def stream_priority_range() -> tuple[int, int]:
    """(least, greatest), as torch.cuda.Stream.priority_range: (0, -1)."""

def stream_handle(stream_id: int, device_index: int, device_type: int) -> int:
    """The native aclrtStream as an address, after everything enqueued on it was handed to CANN."""

def external_stream(pointer: int, device_index: int) -> Triple:
    """The stream that stands for a foreign aclrtStream, which must outlive its use."""

def event_elapsed_time(begin: int, end: int) -> float:
    """Milliseconds between two events, given by their `event_id`: torch.Event.elapsed_time of torch 2.13 refuses
    instances of a class derived from torch.Event."""

def event_recorded_time(event: int) -> int:
    """Microseconds of the device's clock. ValueError without timing, NotImplementedError if CANN does not tell."""

def prepare_event(kind: int, handle: bytes, record: bool) -> None:
    """The next torch.Event of this thread that is recorded first is for several processes (2) or external to graphs
    (3), or the one of another process that the handle names; `record`: whether that record counts. Until
    `forget_event()`."""

def forget_event() -> None: ...
def event_ipc_handle(event: int) -> bytes:
    """`event`: an `event_id`. ValueError unless it was made for several processes."""

def event_reset(event: int, stream: Triple) -> None:
    """Of an external one: the next wait of the stream is for a later record."""

# --- device memory ---------------------------------------------------------------------------------------------------

def memory_stats(device: int) -> dict[str, Any]:
    """Nested, as torch._C._cuda_memoryStats: {"allocated_bytes": {"all": {"current", "peak", "allocated", "freed"},
    "small_pool": ..., "large_pool": ...}, ..., "num_alloc_retries": int, "num_ooms": int, ...}. [query]: an untouched
    device has zeros."""

def reset_peak_memory_stats(device: int) -> None: ...
def reset_accumulated_memory_stats(device: int) -> None: ...
def empty_cache() -> None:
    """Returns every cached segment that no tensor uses to the device. No-op before the first allocation."""

def mem_get_info(device: int) -> tuple[int, int]:
    """(free, total) of the device. Initialises, and creates a context there."""

def memory_snapshot(pool: tuple[int, int] | None = ..., include_traces: bool = ...) -> dict[str, Any]:
    """Segments of all devices, of all pools or of a private one, and the history of each device, in the format of
    `torch.cuda.memory._snapshot()`."""

def record_memory_history(
    enabled: str | None,
    context: str | None,
    stacks: str,
    max_entries: int,
    clear_history: bool,
    skip_actions: list[str],
) -> None:
    """As `torch.npu.memory._record_memory_history`. ValueError names a bad argument."""

def attach_out_of_memory_observer(observer: Callable[[int, int, int, int], object]) -> None:
    """Calls it with device, bytes asked, bytes of the device, bytes free, before each torch.OutOfMemoryError."""

def set_memory_metadata(text: str) -> None: ...
def memory_metadata() -> str: ...
def erase_stream(tensor: Tensor, stream: Triple) -> None:
    """Undoes `tensor.record_stream(stream)`."""

@final
class PluggableAllocator:
    """Two C functions, by address, as `torch.npu.NPUPluggableAllocator` describes them."""

    def __init__(self, allocate: int, free: int) -> None: ...

def change_current_allocator(allocator: PluggableAllocator) -> None:
    """RuntimeError after the first tensor."""

def has_pluggable_allocator() -> bool: ...

@final
class MemPool:
    """A private pool of the current device, kept as long as this object."""

    def __init__(self, allocator: PluggableAllocator | None, use_on_oom: bool, no_split: bool) -> None: ...
    @property
    def id(self) -> tuple[int, int]: ...
    @property
    def device(self) -> int: ...
    def use_count(self) -> int: ...

def new_pool_id() -> tuple[int, int]: ...
def begin_pool(device: int, id: tuple[int, int]) -> None:
    """Sends this thread's allocations on `device` to a private pool."""

def end_pool(device: int, id: tuple[int, int]) -> None: ...
def empty_pool(id: tuple[int, int]) -> None: ...
def set_memory_fraction(fraction: float, device: int) -> None:
    """Caps this process at `fraction` (0 to 1) of the device's total memory. ValueError outside."""

def get_memory_fraction(device: int) -> float: ...
def caching_allocator_alloc(size: int, stream: Triple) -> int:
    """Address of `size` bytes in the pool of `stream`, on its device. The caller frees it by address."""

def caching_allocator_delete(pointer: int) -> None:
    """ValueError for an address that is no live allocation."""

def allocator_settings() -> str:
    """What is in force, as `key:value,...`."""

def set_allocator_settings(settings: str) -> None:
    """Same syntax as PYTORCH_NPU_ALLOC_CONF. ValueError names an unknown key or a bad value."""

# --- pinned host memory ----------------------------------------------------------------------------------------------

def host_memory_stats() -> dict[str, Any]: ...
def host_empty_cache() -> None: ...
def reset_accumulated_host_memory_stats() -> None: ...
def reset_peak_host_memory_stats() -> None: ...
def is_pinned(pointer: int) -> bool:
    """[query] Whether the address lies in a pinned block of ours, or in registered memory."""

def register_host_memory(pointer: int, size: int) -> int:
    """Pins memory where it is. CANN's code, 0 if it succeeded. NotImplementedError if CANN cannot."""

def unregister_host_memory(pointer: int) -> int: ...

# --- random numbers --------------------------------------------------------------------------------------------------

def default_generators() -> tuple[Generator, ...]:
    """One a device; () without a runtime. [query]. State: 16 bytes, seed then offset, as CUDA's."""

# --- launches --------------------------------------------------------------------------------------------------------

def flush(device: int = ...) -> None:
    """Waits until everything enqueued for `device` (-1: all) was handed to CANN. Raises nothing."""

def set_locations(enabled: bool) -> None:
    """Whether launches note the Python line that enqueued them, for asynchronous errors. On from the start."""

def task_queue() -> int:
    """2: launches go through the queue's thread; 0: they run on the caller's."""

def set_task_queue(queued: bool) -> None:
    """RuntimeError under ASCEND_LAUNCH_BLOCKING=1 if `queued`."""

# --- switches of CANN; NotImplementedError names what this CANN lacks -------------------------------------------------

def set_system_parameter(device: int, option: int, value: int) -> None:
    """`option`: aclSysParamOpt. After everything enqueued so far."""

def set_device_limit(device: int, type: int, value: int) -> None:
    """`type`: aclrtDevResLimitType; `value`: cores."""

def device_limit(device: int, type: int) -> int: ...
def reset_device_limit(device: int) -> None: ...
def set_stream_limit(stream: Triple, type: int, value: int) -> None: ...
def stream_limit(stream: Triple, type: int) -> int: ...
def reset_stream_limit(stream: Triple) -> None: ...
def init_dump() -> None: ...
def set_dump(file: str) -> None: ...
def finalize_dump() -> None: ...
def set_operator_timeout(microseconds: int) -> int:
    """What CANN rounded it to."""

def broken_memory(device: int) -> list[tuple[int, int]]:
    """Address and length of memory that the hardware could not correct."""

def abort_tasks(device: int) -> None: ...
def forget_error(device: int) -> None:
    """Forgets the error of queued work that no call has raised yet."""

def cann_attribute(attribute: int) -> int | None:
    """[query] Of aclCannAttr; None if CANN does not tell."""

def set_cube_math(kind: int, type: int) -> None:
    """aclnn's cubeMathType for products (0) or convolutions (1)."""

def set_sync_debug_mode(mode: int) -> None:
    """0 off, 1 warn, 2 error."""

def sync_debug_mode() -> int: ...
def private_formats() -> bool: ...
def set_private_formats(allowed: bool) -> None:
    """Whether `npu_format_cast` makes private storage formats."""

# --- graphs ----------------------------------------------------------------------------------------------------------

@final
class NPUGraph:
    """As `torch.npu.NPUGraph`."""

    def __init__(self) -> None: ...
    def capture_begin(self, pool: tuple[int, int] | None, mode: str) -> None: ...
    def capture_end(self) -> None: ...
    def replay(self) -> None: ...
    def reset(self) -> None: ...
    def pool(self) -> tuple[int, int]: ...
    def debug_dump(self, path: str) -> None: ...

def current_stream_is_capturing() -> bool: ...
def begin_task_group(stream: Triple) -> None: ...
def end_task_group(stream: Triple) -> int:
    """What names the group."""

def begin_task_update(stream: Triple, handle: int) -> None: ...
def end_task_update(stream: Triple) -> None: ...

# --- other processes -------------------------------------------------------------------------------------------------

Shared = tuple[int, bytes, int, int, int, int, int, int, bytes]

def share_storage(storage: UntypedStorage) -> Shared:
    """What `open_storage` of another process takes. RuntimeError for memory that CANN cannot share."""

def open_storage(shared: Shared) -> UntypedStorage:
    """RuntimeError if the sender has ended."""

def ipc_collect() -> bool:
    """Gives back sent memory that its receivers have let go; whether there was any."""

# --- fallbacks to the CPU --------------------------------------------------------------------------------------------

def note_fallback(op: str, reason: str, nbytes: int = ..., nanoseconds: int = ...) -> None:
    """Counts one. NotImplementedError under NPU_FALLBACK=error."""

def fallback_report() -> list[tuple[str, str, int, int, int]]:
    """(operator, reason, calls, bytes, nanoseconds), the most called first."""

def reset_fallback_report() -> None: ...
def set_ops_installed(installed: bool) -> None:
    """Whether npu-ops was activated: decides between "pip install npu-ops" and "has no kernel" in the error of an
    operator without one."""
