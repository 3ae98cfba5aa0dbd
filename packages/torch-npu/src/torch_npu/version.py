"""Version of this distribution, in the form that programs read from `torch_npu.version`."""

__version__ = "2.13.0+modular.1"
#: The commit that the official wheel was built from; ours is named by its version alone.
git_version = "modular.1"
