"""Device activities for `torch.profiler`, and `torch.npu.profiler`. Importing it loads nothing."""

__version__ = "0.1.0"

__all__ = ["__version__"]
