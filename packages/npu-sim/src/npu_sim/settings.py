"""The environment variables of npu-sim. They are read once, by libnpusim, when a process first uses the simulator."""

#: Number of simulated devices, 0 to 64. 0 switches the simulator off. Default 2.
NPU_SIM = "NPU_SIM"
#: The SoC to play, a name of ``soc.yaml`` such as ``Ascend910B2`` (the default) or ``Ascend310P3``.
NPU_SIM_SOC = "NPU_SIM_SOC"
#: Memory of one device in bytes, or with a suffix K, M, G (powers of 1024). Default: what the SoC has.
#: It is address space; pages cost host memory when a kernel first touches them.
NPU_SIM_HBM = "NPU_SIM_HBM"
#: CPU threads that one kernel may use. Default: the CPUs this process may run on.
NPU_SIM_THREADS = "NPU_SIM_THREADS"
#: Kernels that run at once on one device, from different streams. Default 1.
NPU_SIM_SLOTS = "NPU_SIM_SLOTS"
#: Freed device memory that stays resident, so that the next allocation need not touch it anew. Bytes or with a
#: suffix. Default 1G a device.
NPU_SIM_WARM = "NPU_SIM_WARM"
#: ``null``: kernels check their arguments and return without computing, to measure the host side alone. Operators whose
#: output's shape depends on data still run. Default ``real``.
NPU_SIM_KERNELS = "NPU_SIM_KERNELS"
#: Host time in microseconds that each of an operator's two phases takes at least, such as ``3,2.5``: a real CANN takes
#: some. Default none.
NPU_SIM_CALL_COST = "NPU_SIM_CALL_COST"
#: File that every call of the ABI is appended to, as JSON lines; ``%p`` in its name becomes the process's number.
NPU_SIM_TRACE = "NPU_SIM_TRACE"
#: Faults to inject: see ``npu_sim.faults``.
NPU_SIM_FAULTS = "NPU_SIM_FAULTS"
#: What to check, of ``race,lifetime,init``: see ``npu_sim.check``. Default nothing.
NPU_SIM_CHECK = "NPU_SIM_CHECK"
#: ``model``: events and profiles tell times of a model of the SoC instead of this CPU's. Default ``host``.
NPU_SIM_TIMING = "NPU_SIM_TIMING"
#: The peaks for that model, matrix TFLOPS and GB/s of memory, such as ``376,1600``. Default: what is known of the SoC.
NPU_SIM_PEAK = "NPU_SIM_PEAK"
#: CANN's own variable: comma-separated device numbers that the process sees, in its order.
ASCEND_RT_VISIBLE_DEVICES = "ASCEND_RT_VISIBLE_DEVICES"
