"""The Python sides of the benches: the same weights, batches and steps, in plain PyTorch or in Lightning.

usage: side.py {raw,lightning,fit,optim,serialize,metrics,dataloader}, with BENCH_MANIFEST, BENCH_WARM_UP, BENCH_STEPS and BENCH_THREADS in the environment.
Prints one JSON line: seconds a step, losses of the first ten steps and of the last, peak resident memory.
"""
import json
import os
import sys
import time

import torch
import torch.nn.functional as F
from torch import nn

THREADS = int(os.environ.get("BENCH_THREADS", "1"))
WARM_UP = int(os.environ["BENCH_WARM_UP"])
STEPS = int(os.environ["BENCH_STEPS"])
MARK = int(os.environ.get("BENCH_MARK", "0"))
KEPT = 10


def read_workload(manifest):
    with open(manifest, encoding="utf-8") as file:
        workload = json.load(file)
    with open(manifest[: -len("json")] + "bin", "rb") as file:
        data = bytearray(file.read())

    def tensor(record):
        count = 1
        for size in record["shape"]:
            count *= size
        dtype = torch.float32 if record["dtype"] == "float32" else torch.int64
        flat = torch.frombuffer(data, dtype=dtype, count=count, offset=record["offset"])
        return flat.reshape(record["shape"]).clone()

    return workload, tensor


class Mlp(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(32, 64)
        self.fc2 = nn.Linear(64, 10)

    def forward(self, x):
        return self.fc2(F.relu(self.fc1(x)))


class Cnn(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 16, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.conv2 = nn.Conv2d(16, 32, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(32)
        self.fc1 = nn.Linear(32 * 7 * 7, 128)
        self.fc2 = nn.Linear(128, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(x))), 2)
        x = F.max_pool2d(F.relu(self.bn2(self.conv2(x))), 2)
        x = F.relu(self.fc1(torch.flatten(x, 1)))
        return self.fc2(x)


def resident_mb():
    fields = {}
    with open("/proc/self/status", encoding="ascii") as file:
        for line in file:
            name, _, rest = line.partition(":")
            fields[name] = rest
    return {name: int(fields[name].split()[0]) * 1024 / 1e6 for name in ("VmHWM", "VmRSS")}


class LanguageModel(nn.Module):
    """bench/models.ts has the same; the sizes are those of the weights."""

    def __init__(self, vocabulary=512, length=128, width=128, heads=4, layers=4):
        super().__init__()
        self.tokens = nn.Embedding(vocabulary, width)
        self.places = nn.Embedding(length, width)
        layer = nn.TransformerEncoderLayer(
            width, heads, 4 * width, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
        )
        self.blocks = nn.TransformerEncoder(layer, layers, nn.LayerNorm(width))
        self.head = nn.Linear(width, vocabulary)
        self.order = torch.arange(length)
        self.mask = nn.Transformer.generate_square_subsequent_mask(length)

    def forward(self, tokens):
        return self.head(self.blocks(self.tokens(tokens) + self.places(self.order), mask=self.mask))


def make_model(kind):
    if kind == "resnet18":
        import torchvision

        return torchvision.models.resnet18(num_classes=10)
    return {"mlp": Mlp, "cnn": Cnn, "lm": LanguageModel}[kind]()


def loss_of(workload, output, targets):
    if workload["kind"] == "lm":
        return F.cross_entropy(output.flatten(0, 1), targets.flatten())
    return F.cross_entropy(output, targets)


def make_optimizer(workload, parameters):
    kind = torch.optim.AdamW if workload["kind"] == "lm" else torch.optim.Adam
    return kind(parameters, lr=workload["lr"])


class Clock:
    """Seconds between the start of step WARM_UP and the start of step WARM_UP + STEPS."""

    def __init__(self):
        self.calls = 0
        self.started = self.stopped = 0.0
        self.losses = []
        self.extra = {}

    @property
    def total(self):
        return WARM_UP + STEPS + 1

    def begin(self):
        if self.calls == WARM_UP:
            self.started = time.perf_counter()
        if self.calls == WARM_UP + STEPS:
            self.stopped = time.perf_counter()
        if MARK and self.calls == MARK:
            self.extra["rssMbAtMark"] = resident_mb()["VmRSS"]
        self.calls += 1

    def keep(self, loss):
        if len(self.losses) < KEPT or self.calls == self.total:
            self.losses.append(loss.detach())

    def report(self):
        assert self.calls == self.total, f"expected {self.total} steps, ran {self.calls}"
        if MARK:
            self.extra["rssMbAtEnd"] = resident_mb()["VmRSS"]
        print(
            json.dumps(
                {
                    "seconds": (self.stopped - self.started) / STEPS,
                    "losses": [loss.item() for loss in self.losses],
                    "peakRssMb": resident_mb()["VmHWM"],
                    **({"extra": self.extra} if self.extra else {}),
                }
            )
        )


def build():
    workload, tensor = read_workload(os.environ["BENCH_MANIFEST"])
    model = make_model(workload["kind"])
    # Not strict: the file holds no values of norms, which start alike on every side.
    model.load_state_dict({record["name"]: tensor(record) for record in workload["weights"]}, strict=False)
    return workload, model, tensor(workload["inputs"]), tensor(workload["targets"])


def run_raw():
    workload, model, inputs, targets = build()
    size = workload["batchSize"]
    batches = list(zip(inputs.split(size), targets.split(size)))
    optimizer = make_optimizer(workload, model.parameters())
    clock = Clock()
    for step in range(clock.total):
        clock.begin()
        x, y = batches[step % len(batches)]
        loss = loss_of(workload, model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        clock.keep(loss)
    clock.report()


def run_lightning():
    try:
        import lightning.pytorch as pl
    except ImportError:
        import pytorch_lightning as pl
    import logging
    import warnings

    warnings.filterwarnings("ignore")
    for name in ("lightning.pytorch", "pytorch_lightning"):
        logging.getLogger(name).setLevel(logging.ERROR)
    workload, model, inputs, targets = build()
    clock = Clock()

    class Job(pl.LightningModule):
        def __init__(self):
            super().__init__()
            self.model = model

        def training_step(self, batch, batch_idx):
            clock.begin()
            x, y = batch
            loss = loss_of(workload, self.model(x), y)
            clock.keep(loss)
            return loss

        def configure_optimizers(self):
            return make_optimizer(workload, self.parameters())

    dataset = torch.utils.data.TensorDataset(inputs, targets)
    loader = torch.utils.data.DataLoader(dataset, batch_size=workload["batchSize"])
    trainer = pl.Trainer(
        accelerator="cpu",
        max_steps=clock.total,
        max_epochs=-1,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(Job(), loader)
    clock.report()


def run_fit():
    """Epochs with validation, the best checkpoint and a CSV logger; with BENCH_LOGS=1 loss and accuracy at every step."""
    try:
        import lightning.pytorch as pl
        from lightning.pytorch.loggers import CSVLogger
    except ImportError:
        import pytorch_lightning as pl
        from pytorch_lightning.loggers import CSVLogger
    import logging
    import shutil
    import tempfile
    import warnings

    from torchmetrics.classification import MulticlassAccuracy

    warnings.filterwarnings("ignore")
    for name in ("lightning.pytorch", "pytorch_lightning"):
        logging.getLogger(name).setLevel(logging.ERROR)
    logs_steps = os.environ.get("BENCH_LOGS") == "1"
    workload, model, inputs, targets = build()
    clock = Clock()

    class Batches:
        """Ready-made batches; Lightning would take a list for several loaders."""

        def __init__(self):
            size = workload["batchSize"]
            self.rows = list(zip(inputs.split(size), targets.split(size)))

        def __len__(self):
            return len(self.rows)

        def __iter__(self):
            return iter(self.rows)

    class Job(pl.LightningModule):
        def __init__(self):
            super().__init__()
            self.model = model
            self.accuracy = MulticlassAccuracy(num_classes=10)

        def training_step(self, batch, batch_idx):
            clock.begin()
            x, y = batch
            output = self.model(x)
            loss = loss_of(workload, output, y)
            clock.keep(loss)
            self.log("loss", loss)
            if logs_steps:
                self.accuracy(output.detach(), y)
                self.log("accuracy", self.accuracy)
            return loss

        def validation_step(self, batch, batch_idx):
            x, y = batch
            self.log("val_loss", loss_of(workload, self.model(x), y))

        def configure_optimizers(self):
            return make_optimizer(workload, self.parameters())

    folder = tempfile.mkdtemp()
    trainer = pl.Trainer(
        accelerator="cpu",
        max_steps=clock.total,
        max_epochs=-1,
        limit_val_batches=50,
        log_every_n_steps=1 if logs_steps else 50,
        logger=CSVLogger(folder),
        callbacks=pl.callbacks.ModelCheckpoint(dirpath=folder, monitor="val_loss"),
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    batches = Batches()
    trainer.fit(Job(), batches, batches)
    shutil.rmtree(folder)
    clock.report()


def run_optim():
    """Adam over BENCH_TENSORS tensors of BENCH_NUMBERS numbers in all, whose gradients stay as they are."""
    tensors, numbers = int(os.environ["BENCH_TENSORS"]), int(os.environ["BENCH_NUMBERS"])
    size = numbers // tensors
    parameters = []
    for index in range(tensors):
        parameter = nn.Parameter(torch.linspace(-1, 1, size))
        parameter.grad = torch.linspace(0.001, 0.002, size) * (index + 1)
        parameters.append(parameter)
    optimizer = torch.optim.Adam(parameters, lr=1e-3)
    clock = Clock()
    for _ in range(clock.total):
        clock.begin()
        optimizer.step()
    clock.losses = [parameters[0].detach().double().sum(), parameters[-1].detach().double().sum()]
    clock.report()


def run_serialize():
    """Saves and loads 100 MB, over and over; the time of a step is one save and one load."""
    path = os.environ["BENCH_FILE"] + ".python"
    state = {f"layer{index}.weight": torch.linspace(-1, 1, 1 << 20).reshape(1024, 1024) for index in range(25)}
    clock = Clock()
    seconds = {"save": 0.0, "load": 0.0}
    for step in range(clock.total):
        clock.begin()
        started = time.perf_counter()
        torch.save(state, path)
        saved = time.perf_counter()
        loaded = torch.load(path)
        ended = time.perf_counter()
        if step >= WARM_UP and step < WARM_UP + STEPS:
            seconds["save"] += saved - started
            seconds["load"] += ended - saved
    clock.losses = [loaded["layer24.weight"].double().sum()]
    clock.extra = {f"{name}Ms": 1000 * value / STEPS for name, value in seconds.items()}
    os.remove(path)
    clock.report()


def run_metrics():
    """Accuracy, F1 and AUROC over BENCH_STEPS batches: all updates, then one compute. Four rounds before are not counted."""
    from torchmetrics import MetricCollection
    from torchmetrics.classification import MulticlassAccuracy, MulticlassAUROC, MulticlassF1Score

    state = 1

    def uniform():
        """The generator of bench/workload.ts."""
        nonlocal state
        state = (state + 0x6D2B79F5) & 0xFFFFFFFF
        mixed = ((state ^ (state >> 15)) * (state | 1)) & 0xFFFFFFFF
        mixed ^= (mixed + (((mixed ^ (mixed >> 7)) * (mixed | 61)) & 0xFFFFFFFF)) & 0xFFFFFFFF
        return (mixed ^ (mixed >> 14)) / 4294967296

    batches = []
    for _ in range(50):
        scores = torch.tensor([uniform() for _ in range(640)]).view(64, 10)
        batches.append((scores, torch.tensor([int(uniform() * 10) for _ in range(64)])))
    metrics = MetricCollection(
        [MulticlassAccuracy(num_classes=10), MulticlassF1Score(num_classes=10), MulticlassAUROC(num_classes=10)]
    )

    def run():
        metrics.reset()
        started = time.perf_counter()
        for step in range(STEPS):
            metrics.update(*batches[step % len(batches)])
        updated = time.perf_counter()
        values = [value.item() for value in metrics.compute().values()]
        return time.perf_counter() - started, updated - started, values

    for _ in range(4):
        run()
    seconds, update_seconds, values = run()
    print(
        json.dumps(
            {
                "seconds": seconds / STEPS,
                "losses": values,
                "peakRssMb": resident_mb()["VmHWM"],
                "extra": {"updateUs": update_seconds / STEPS * 1e6, "computeMs": (seconds - update_seconds) * 1000},
            }
        )
    )


def run_dataloader():
    """BENCH_STEPS epochs over the images of BENCH_FOLDER with BENCH_WORKERS workers, after one that is not counted."""
    from torch.utils.data import DataLoader
    from torchvision import datasets, transforms

    workers = int(os.environ["BENCH_WORKERS"])
    transform = transforms.Compose([
        transforms.RandomResizedCrop(224),
        transforms.RandomHorizontalFlip(),
        transforms.ToTensor(),
        transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
    ])
    dataset = datasets.ImageFolder(os.environ["BENCH_FOLDER"], transform)
    loader = DataLoader(dataset, batch_size=32, shuffle=True, num_workers=workers, persistent_workers=workers > 0)
    torch.manual_seed(0)
    means = []
    created = time.perf_counter()
    first_batch = 0.0
    for epoch in range(STEPS + 1):
        if epoch == 1:
            started, images = time.perf_counter(), 0
        for x, _ in loader:
            if first_batch == 0.0:
                first_batch = time.perf_counter() - created
            if workers == 0 and len(means) < 4:
                means.append(x.double().mean().item())
            if epoch > 0:
                images += x.shape[0]
    seconds = time.perf_counter() - started
    print(
        json.dumps(
            {
                "seconds": seconds / images,
                "losses": means,
                "peakRssMb": resident_mb()["VmHWM"],
                "extra": {"firstBatchMs": 1000 * first_batch, "imagesPerSecond": images / seconds},
            }
        )
    )


if __name__ == "__main__":
    torch.set_num_threads(THREADS)
    runs = {"raw": run_raw, "lightning": run_lightning, "fit": run_fit, "optim": run_optim, "serialize": run_serialize, "metrics": run_metrics, "dataloader": run_dataloader}
    runs[sys.argv[1]]()
