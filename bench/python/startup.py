"""What a Python training program pays before its first step: imports, and with Lightning a Trainer.

usage: startup.py {torch,lightning}. The harness times the whole process; this prints what was loaded.
"""
import json
import sys

if sys.argv[1] == "torch":
    import torch
    import torch.nn
    import torch.optim.lr_scheduler
    import torch.utils.data

    try:
        import torch.utils.tensorboard  # noqa: F401
    except ImportError:
        pass
else:
    try:
        import lightning.pytorch as pl
    except ImportError:
        import pytorch_lightning as pl
    pl.Trainer(accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False)

peak = 0.0
with open("/proc/self/status", encoding="ascii") as file:
    for line in file:
        if line.startswith("VmHWM:"):
            peak = int(line.split()[1]) * 1024 / 1e6
print(json.dumps({"seconds": 0, "peakRssMb": peak}))
