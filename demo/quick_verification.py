"""The quick verification: two random matrices on the device, multiplied. Imports nothing but torch."""

import torch

x = torch.randn(2, 2).npu()
y = torch.randn(2, 2).npu()
z = x.mm(y)

print(z)
