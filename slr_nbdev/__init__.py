__version__ = "0.1.0"

import os
# GNU's OpenMP, under PyTorch, lets idle threads spin for a millisecond or so. Beside a second busy process they spin on cores
# that others need, and a training step of 0.2 s takes 5. A short spin costs nothing alone and 0.4 s a step beside another.
# It is read when PyTorch is imported, so it is said here.
if 'OMP_WAIT_POLICY' not in os.environ: os.environ.setdefault('GOMP_SPINCOUNT', '1000')
