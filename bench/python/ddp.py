"""The convnet of side.py under torch's DistributedDataParallel, in BENCH_PROCESSES processes on gloo, of which each has
every n-th batch.

Prints one JSON line: seconds a step in the first process, its losses of the first ten steps and of the last, its peak
resident memory.
"""
import os
import sys

sys.argv = [sys.argv[0], "ddp"]
import json
import socket
import time

import torch
import torch.distributed as dist
import torch.multiprocessing as multiprocessing
from torch.nn.parallel import DistributedDataParallel

import side

PROCESSES = int(os.environ.get("BENCH_PROCESSES", "1"))


def load_weights(model, workload, tensor):
    model.load_state_dict({record["name"]: tensor(record) for record in workload["weights"]}, strict=False)


def train(rank, port):
    torch.set_num_threads(side.THREADS)
    workload, tensor = side.read_workload(os.environ["BENCH_MANIFEST"])
    model = side.make_model(workload["kind"])
    load_weights(model, workload, tensor)
    inputs = tensor(workload["inputs"]).split(workload["batchSize"])[rank::PROCESSES]
    targets = tensor(workload["targets"]).split(workload["batchSize"])[rank::PROCESSES]
    if PROCESSES > 1:
        dist.init_process_group("gloo", f"tcp://127.0.0.1:{port}", rank=rank, world_size=PROCESSES)
        model = DistributedDataParallel(model)
    optimizer = side.make_optimizer(workload, model.parameters())
    total = side.WARM_UP + side.STEPS + 1
    losses = []
    for step in range(total):
        if step == side.WARM_UP:
            started = time.perf_counter()
        if step == side.WARM_UP + side.STEPS:
            stopped = time.perf_counter()
        at = step % len(inputs)
        loss = side.loss_of(workload, model(inputs[at]), targets[at])
        if len(losses) < side.KEPT or step == total - 1:
            losses.append(loss.detach())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    if rank == 0:
        result = {
            "seconds": (stopped - started) / side.STEPS,
            "losses": [loss.item() for loss in losses],
            "peakRssMb": side.resident_mb()["VmHWM"],
        }
        print(json.dumps(result), flush=True)


if __name__ == "__main__":
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        free = probe.getsockname()[1]
    if PROCESSES == 1:
        train(0, free)
    else:
        multiprocessing.spawn(train, args=(free,), nprocs=PROCESSES)
