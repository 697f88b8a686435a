"""Runs every scenario of scenarios.json through Python Lightning and writes what happened to fixtures/recorded.json.

Needs Python 3.11, torch 1.13.1, lightning 2.2.5 and torchmetrics 1.3.2. Run: python3 make.py [name ...]
The same table drives the TypeScript side, in runScenario.ts; both draw data and weights from the same seed.
"""
import json, logging, os, re, shutil, sys, tempfile, warnings
from datetime import timedelta

warnings.filterwarnings("ignore")
import torch
import torchmetrics
import lightning.pytorch as pl
from lightning.pytorch import callbacks as cb
from lightning.pytorch.loggers import CSVLogger
from lightning.pytorch.loggers.logger import Logger
from lightning.pytorch.utilities import CombinedLoader

logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
HERE = os.path.dirname(os.path.abspath(__file__))

SHARED_HOOKS = """setup on_fit_start on_train_start on_train_epoch_start on_train_batch_start on_before_zero_grad on_before_backward
on_after_backward on_before_optimizer_step on_train_batch_end on_train_epoch_end on_train_end on_validation_start
on_validation_epoch_start on_validation_batch_start on_validation_batch_end on_validation_epoch_end on_validation_end
on_test_start on_test_epoch_start on_test_batch_start on_test_batch_end on_test_epoch_end on_test_end on_predict_start
on_predict_epoch_start on_predict_batch_start on_predict_batch_end on_predict_epoch_end on_predict_end on_save_checkpoint
on_load_checkpoint on_fit_end teardown""".split()
MODULE_HOOKS = SHARED_HOOKS + """configure_callbacks prepare_data configure_model on_before_batch_transfer transfer_batch_to_device on_after_batch_transfer backward optimizer_step
optimizer_zero_grad lr_scheduler_step configure_gradient_clipping clip_gradients on_validation_model_eval
on_validation_model_zero_grad on_test_model_eval on_predict_model_eval""".split()
CALLBACK_HOOKS = SHARED_HOOKS + ["on_sanity_check_start", "on_sanity_check_end", "on_exception"]
DATA_HOOKS = """prepare_data setup teardown train_dataloader val_dataloader test_dataloader predict_dataloader state_dict
load_state_dict on_exception""".split()


class Batches:
    def __init__(self, count, has_length=True):
        self.rows = [torch.randn(4, 2) for _ in range(count)]
        if has_length:
            self.__class__ = SizedBatches

    def __iter__(self):
        return iter(self.rows)


class SizedBatches(Batches):
    def __len__(self):
        return len(self.rows)


def loader(spec):
    """5: five batches; {"endless": 5}: of unknown length; {"shuffle": 5}: a DataLoader; {"mode", "loaders"}: several."""
    if isinstance(spec, int):
        return Batches(spec)
    if "unsized" in spec:
        return Batches(spec["unsized"], False)
    if "shuffle" in spec:
        data = torch.utils.data.TensorDataset(torch.randn(4 * spec["shuffle"], 2))
        return torch.utils.data.DataLoader(data, batch_size=4, shuffle=True)
    if "dict" in spec:
        return {key: loader(value) for key, value in spec["dict"].items()}
    return CombinedLoader([loader(each) for each in spec["loaders"]], spec["mode"])


def loaders(spec):
    if spec is None:
        return None
    if isinstance(spec, list):
        return [loader(each) for each in spec] if len(spec) != 1 else loader(spec[0])
    return loader(spec)


class Stop(Exception):
    pass


class Tape:
    def __init__(self, spec):
        self.spec, self.calls, self.losses, self.rates, self.counts = spec, [], [], [], {}

    def hook(self, name, trainer, log):
        self.calls.append(name)
        for item in self.spec.get("logs", {}).get(name, []):
            log(item)
        self.counts[name] = self.counts.get(name, 0) + 1
        stop = self.spec.get("stop")
        if stop and stop["hook"] == name and self.counts[name] == stop["call"]:
            trainer.should_stop = True
        fault = self.spec.get("raise")
        if fault and fault["hook"] == name and self.counts[name] == fault["call"]:
            raise Stop("planned")


def wrapped(base, prefix, names, log_of, trainer_of):
    """A subclass that tells the tape of each call before it goes on."""
    members = {}
    for name in names:
        original = getattr(base, name, None)

        def method(self, *args, __name=name, __original=original, **kwargs):
            self.tape.hook(f"{prefix}.{__name}", trainer_of(self, args), log_of(self, args))
            if __original is not None:
                return __original(self, *args, **kwargs)

        members[name] = method
    return type(base.__name__, (base,), members)


class Net(pl.LightningModule):
    def __init__(self, spec, tape):
        super().__init__()
        self.spec, self.tape = spec, tape
        self.layer = torch.nn.Linear(2, 1)
        if spec.get("model") == "manual":
            self.other = torch.nn.Linear(2, 1)
            self.automatic_optimization = False
        if spec.get("dropout"):
            self.dropout = torch.nn.Dropout(0.5)
        self.mean = torchmetrics.MeanMetric()
        self.most = torchmetrics.MaxMetric()
        self.validations = 0
        self.loss = None

    def forward(self, x):
        if self.spec.get("dropout"):
            x = self.dropout(x)
        return self.layer(x)

    def log_item(self, item):
        item = dict(item)
        name, value = item.pop("name"), item.pop("value", "loss")
        if "reduce_fx" in item and item["reduce_fx"] is None:
            del item["reduce_fx"]
        if value == "loss":
            value = self.loss
        elif value in ("mean", "most"):
            value = getattr(self, value)
            value.update(self.loss.detach())
        elif isinstance(value, list):
            if self.trainer.sanity_checking:
                return
            value = value[min(self.validations, len(value) - 1)]
            value = float(value)
        self.log(name, value, **item)

    def on_validation_end(self):
        if not self.trainer.sanity_checking:
            self.validations += 1

    def step(self, batch, hook):
        parts = [b for b in (batch.values() if isinstance(batch, dict) else batch if isinstance(batch, (list, tuple)) else [batch]) if b is not None]
        self.loss = torch.stack([self(x[0] if isinstance(x, list) else x).pow(2).mean() for x in parts]).mean()
        self.tape.hook(f"M.{hook}", self.trainer, self.log_item)
        return self.loss

    def training_step(self, batch, batch_idx):
        self.tape.rates.append([o.param_groups[0]["lr"] for o in self.trainer.optimizers])
        if self.spec.get("model") != "manual":
            skips = self.spec.get("skip")
            loss = self.step(batch, "training_step")
            self.tape.losses.append(loss.item())
            return None if skips is not None and batch_idx in skips else loss
        first, second = self.optimizers()
        loss = self.step(batch, "training_step")
        self.toggle_optimizer(first)
        first.zero_grad()
        self.manual_backward(loss)
        first.step()
        self.untoggle_optimizer(first)
        if (batch_idx + 1) % self.spec.get("second_every", 1) == 0:
            self.toggle_optimizer(second)
            other = (self.other(batch) - self.layer(batch).detach()).pow(2).mean()
            self.manual_backward(other)
            self.clip_gradients(second, gradient_clip_val=0.5, gradient_clip_algorithm="norm")
            second.step()
            second.zero_grad()
            self.untoggle_optimizer(second)
            self.tape.losses.append(other.item())
        if self.spec.get("scheduler"):
            self.lr_schedulers().step()
        self.tape.losses.append(loss.item())

    def validation_step(self, batch, batch_idx, dataloader_idx=0):
        self.step(batch, "validation_step")

    def test_step(self, batch, batch_idx, dataloader_idx=0):
        self.step(batch, "test_step")

    def predict_step(self, batch, batch_idx, dataloader_idx=0):
        self.tape.hook("M.predict_step", self.trainer, self.log_item)
        return self(batch)

    def configure_optimizers(self):
        self.tape.hook("M.configure_optimizers", self.trainer, self.log_item)
        spec = self.spec.get("optimizer", {"kind": "SGD", "lr": 0.1})
        options = {k: v for k, v in spec.items() if k != "kind"}
        made = getattr(torch.optim, spec["kind"])(self.layer.parameters(), **options)
        plan = self.spec.get("scheduler")
        config = made
        if plan:
            scheduler = getattr(torch.optim.lr_scheduler, plan["kind"])(made, **plan["args"])
            rest = {k: v for k, v in plan.items() if k not in ("kind", "args")}
            config = {"optimizer": made, "lr_scheduler": {"scheduler": scheduler, **rest}}
        if self.spec.get("model") == "manual":
            second = torch.optim.Adam(self.other.parameters(), lr=0.01)
            return [config, {"optimizer": second}] if plan else [made, second]
        return config


RecordedNet = wrapped(Net, "M", MODULE_HOOKS, lambda self, args: self.log_item, lambda self, args: self._trainer)
Recorder = wrapped(cb.Callback, "C", CALLBACK_HOOKS, lambda self, args: args[1].log_item, lambda self, args: args[0])


class Data(pl.LightningDataModule):
    def __init__(self, spec, made, tape):
        super().__init__()
        self.spec, self.made, self.tape = spec, made, tape

    def train_dataloader(self):
        return self.made["train"]

    def val_dataloader(self):
        return self.made["val"] or []

    def test_dataloader(self):
        return self.made["test"]

    def predict_dataloader(self):
        return self.made["predict"]

    def state_dict(self):
        return {"position": 3}

    def load_state_dict(self, state):
        pass


RecordedData = wrapped(Data, "D", DATA_HOOKS, lambda self, args: None, lambda self, args: self.trainer)


class Memory(Logger):
    name, version = "memory", 0

    def __init__(self):
        super().__init__()
        self.rows = []

    def log_metrics(self, metrics, step=None):
        self.rows.append([step, {k: float(v) for k, v in metrics.items()}])

    def log_hyperparams(self, params):
        pass


def option(value):
    """Python tells 1 from 1.0; the table says it in words."""
    if isinstance(value, dict) and "batches" in value:
        return int(value["batches"])
    if isinstance(value, dict) and "fraction" in value:
        return float(value["fraction"])
    return value


def callback(kind, options):
    options = dict(options)
    if "dirpath" in options:
        options["dirpath"] = os.path.join(os.getcwd(), options["dirpath"])
    if kind == "GradientAccumulationScheduler":
        options["scheduling"] = {int(k): v for k, v in options["scheduling"].items()}
    return getattr(cb, kind)(**options)


def numbers(metrics):
    return {k: float(v) for k, v in metrics.items()}


def plain(value):
    if isinstance(value, torch.Tensor):
        return value.tolist()
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    return value


def relative(path):
    return os.path.relpath(path, os.getcwd()) if path else ""


def run(spec):
    folder = tempfile.mkdtemp()
    os.chdir(folder)
    tape = Tape(spec)
    pl.seed_everything(spec.get("seed", 1))
    made = {kind: loaders(spec.get(kind)) for kind in ("train", "val", "test", "predict")}
    outcome = {"name": spec["name"], "runs": []}
    trainer = model = None
    for call in spec.get("calls", [{"do": "fit"}]):
        if trainer is None or "trainer" in call:
            model = RecordedNet(spec, tape)
            options = {k: option(v) for k, v in {**spec.get("trainer", {}), **call.get("trainer", {})}.items()}
            memory = Memory()
            options.setdefault("enable_checkpointing", any(kind == "ModelCheckpoint" for kind, _ in spec.get("callbacks", [])))
            if options.pop("logger", None) == "csv":
                memory_or_csv = [memory, CSVLogger(folder, name="csv")]
            else:
                memory_or_csv = memory
            recorder = Recorder()
            recorder.tape = tape
            extra = [callback(*each) for each in spec.get("callbacks", [])]
            trainer = pl.Trainer(
                logger=memory_or_csv, callbacks=[recorder, *extra], enable_progress_bar=False, enable_model_summary=False,
                default_root_dir=folder, accelerator="cpu", **options)
        data = RecordedData(spec, made, tape) if spec.get("datamodule") else None
        ckpt = call.get("ckpt")
        if ckpt not in (None, "best", "last"):
            ckpt = os.path.join(folder, ckpt)
        tape.calls = []
        result, error = None, None
        try:
            if call["do"] == "fit":
                if data:
                    trainer.fit(model, datamodule=data, ckpt_path=ckpt)
                else:
                    trainer.fit(model, made["train"], made["val"], ckpt_path=ckpt)
            else:
                kind = {"validate": "val"}.get(call["do"], call["do"])
                verbose = {} if call["do"] == "predict" else {"verbose": False}
                given = {"datamodule": data} if data else {"dataloaders": made[kind]}
                result = plain(getattr(trainer, call["do"])(model, **given, ckpt_path=ckpt, **verbose))
        except Stop as failure:
            error = str(failure)
        if call.get("save"):
            trainer.save_checkpoint(os.path.join(folder, call["save"]))
        outcome["runs"].append({
            "hooks": list(tape.calls), "result": result, "error": error, "global_step": trainer.global_step,
            "current_epoch": trainer.current_epoch, "rows": memory.rows[:], "callback_metrics": numbers(trainer.callback_metrics),
            "logged_metrics": numbers(trainer.logged_metrics),
            "progress_bar_metrics": {k: v for k, v in numbers(trainer.progress_bar_metrics).items()},
        })
        memory.rows.clear()
    outcome["losses"], outcome["rates"] = tape.losses, [list(r) for r in tape.rates]
    outcome["weights"] = {k: v.tolist() for k, v in model.state_dict().items()}
    outcome["files"] = sorted(relative(os.path.join(at, name)) for at, _, names in os.walk(folder) for name in names if name.endswith(".ckpt"))
    outcome["contents"] = {}
    for path in outcome["files"]:
        held = torch.load(path)
        outcome["contents"][path] = [held["epoch"], held["global_step"]]
    outcome["checkpoints"] = [
        {"best": relative(each.best_model_path), "score": None if each.best_model_score is None else float(each.best_model_score),
         "last": relative(each.last_model_path), "models": {relative(k): float(v) for k, v in each.best_k_models.items()}}
        for each in trainer.checkpoint_callbacks]
    outcome["stopping"] = [
        {"epoch": each.stopped_epoch, "wait": each.wait_count, "best": float(each.best_score)} for each in trainer.early_stopping_callbacks]
    if any(call["do"] == "fit" for call in spec.get("calls", [{"do": "fit"}])):
        trainer.save_checkpoint("final.ckpt")
        outcome["loops"] = torch.load("final.ckpt")["loops"]["fit_loop"]
    csv = os.path.join(folder, "csv", "version_0", "metrics.csv")
    if os.path.exists(csv):
        outcome["csv"] = open(csv).read()
    os.chdir(HERE)
    shutil.rmtree(folder)
    return outcome


if __name__ == "__main__":
    table = json.load(open(os.path.join(HERE, "scenarios.json")))
    wanted = sys.argv[1:]
    path = os.path.join(HERE, "fixtures", "recorded.json")
    done = []
    for spec in table:
        if wanted and spec["name"] not in wanted:
            continue
        try:
            done.append(run(spec))
        except BaseException as failure:
            import traceback
            traceback.print_exc()
            print("FAILED", spec["name"], repr(failure))
            os.chdir(HERE)
    if not wanted:
        with open(path, "w") as file:
            names = sorted({name for each in done for call in each["runs"] for name in call["hooks"]})
            for call in (call for each in done for call in each["runs"]):
                call["hooks"] = " ".join(str(names.index(name)) for name in call["hooks"])
            rows = ",\n".join(json.dumps(each, separators=(",", ":")) for each in done)
            file.write('{"hooks":%s,\n"scenarios":[\n%s\n]}\n' % (json.dumps(names), rows))
        print(len(done), "scenarios,", os.path.getsize(path), "bytes")
    else:
        print(json.dumps(done, indent=1))
