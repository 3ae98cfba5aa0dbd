"""Tests of the simulated machine and libascendcl. A package, so that its conftest has a name of its own."""
