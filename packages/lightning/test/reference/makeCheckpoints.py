"""Trains small models with Python Lightning, keeps a checkpoint of each, and records what its own resumed run gives.

Needs Python 3.11, torch 1.13.1 and lightning 2.2.5. Run: python3 makeCheckpoints.py
Writes fixtures/<job>.ckpt and fixtures/resumed.json. With `python3 makeCheckpoints.py resume <job> <file>` it resumes a
checkpoint of any origin instead, and prints the losses and weights as JSON: how ours are checked.
"""
import json, logging, os, shutil, sys, tempfile, warnings

warnings.filterwarnings("ignore")
import torch
import lightning.pytorch as pl
from lightning.pytorch import callbacks as cb

logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
HERE = os.path.dirname(os.path.abspath(__file__))
FIXTURES = os.path.join(HERE, "fixtures")
JOBS = ("plain", "callbacks", "scheduled", "plateau", "manual", "accumulated", "midway")
# Where the run of a job ends that writes its checkpoint, and where the resumed one does.
ENDS = {job: ({"max_epochs": 2}, {"max_epochs": 4}) for job in JOBS}
ENDS["midway"] = ({"max_steps": 4}, {"max_epochs": 3})


class Batches:
    def __init__(self):
        torch.manual_seed(7)
        self.rows = [torch.randn(4, 3) for _ in range(3)]

    def __len__(self):
        return len(self.rows)

    def __iter__(self):
        return iter(self.rows)


class Net(pl.LightningModule):
    def __init__(self, learning_rate=0.1, job="plain", sizes=None):
        super().__init__()
        self.save_hyperparameters()
        self.layer = torch.nn.Linear(3, 1)
        if job == "manual":
            self.other = torch.nn.Linear(3, 1)
            self.automatic_optimization = False
        self.losses = []

    def training_step(self, batch, batch_idx):
        loss = self.layer(batch).pow(2).mean()
        self.losses.append(loss.item())
        self.log("loss", loss)
        if self.hparams.job != "manual":
            return loss
        first, second = self.optimizers()
        first.zero_grad()
        self.manual_backward(loss)
        first.step()
        other = (self.other(batch) - 1).pow(2).mean()
        self.losses.append(other.item())
        second.zero_grad()
        self.manual_backward(other)
        second.step()

    def validation_step(self, batch, batch_idx):
        self.log("val_loss", self.layer(batch).pow(2).mean())

    def configure_optimizers(self):
        rate, job = self.hparams.learning_rate, self.hparams.job
        if job == "manual":
            return torch.optim.SGD(self.layer.parameters(), lr=rate, momentum=0.9), torch.optim.Adam(self.other.parameters(), lr=rate)
        if job == "plateau":
            optimizer = torch.optim.SGD(self.parameters(), lr=rate, momentum=0.9)
            plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=0, factor=0.5, threshold=0.9)
            return {"optimizer": optimizer, "lr_scheduler": {"scheduler": plateau, "monitor": "val_loss"}}
        optimizer = torch.optim.Adam(self.parameters(), lr=rate)
        if job == "scheduled":
            cycle = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.2, total_steps=20)
            return {"optimizer": optimizer, "lr_scheduler": {"scheduler": cycle, "interval": "step"}}
        return optimizer


class Data(pl.LightningDataModule):
    def __init__(self, batch_size=4):
        super().__init__()
        self.save_hyperparameters()
        self.position = 0

    def train_dataloader(self):
        return Batches()

    def val_dataloader(self):
        return Batches()

    def state_dict(self):
        return {"position": 3}

    def load_state_dict(self, state):
        self.position = state["position"]


def trainer_for(job, end, folder):
    callbacks = []
    if job == "callbacks":
        callbacks = [
            cb.EarlyStopping("val_loss", patience=7, min_delta=10.0),
            cb.ModelCheckpoint(dirpath=folder, monitor="val_loss", save_top_k=2, save_last=True),
            cb.Timer(duration="00:01:00:00"),
        ]
    return pl.Trainer(
        logger=False, callbacks=callbacks, enable_checkpointing=job == "callbacks", enable_progress_bar=False,
        enable_model_summary=False, default_root_dir=folder, accelerator="cpu", num_sanity_val_steps=0,
        accumulate_grad_batches=2 if job == "accumulated" else 1, **end)


def resume(job, path):
    folder = tempfile.mkdtemp()
    torch.manual_seed(99)
    model, data = Net(job=job), Data()
    trainer = trainer_for(job, ENDS[job][1], folder)
    trainer.fit(model, datamodule=data, ckpt_path=path)
    waits = [each.wait_count for each in trainer.early_stopping_callbacks]
    best = [float(each.best_model_score) for each in trainer.checkpoint_callbacks]
    shutil.rmtree(folder)
    return {
        "losses": model.losses, "weights": {k: v.tolist() for k, v in model.state_dict().items()}, "step": trainer.global_step,
        "epoch": trainer.current_epoch, "position": data.position, "waits": waits, "best": best,
        "rate": [o.param_groups[0]["lr"] for o in trainer.optimizers],
    }


if __name__ == "__main__":
    if sys.argv[1:2] == ["resume"]:
        print(json.dumps(resume(sys.argv[2], sys.argv[3])))
        sys.exit()
    recorded = {"batches": [row.tolist() for row in Batches().rows], "jobs": {}}
    for job in JOBS:
        folder = tempfile.mkdtemp()
        torch.manual_seed(1)
        model = Net(0.1, job, [3, 1])
        trainer = trainer_for(job, ENDS[job][0], folder)
        trainer.fit(model, datamodule=Data())
        path = os.path.join(FIXTURES, f"{job}.ckpt")
        trainer.save_checkpoint(path)
        shutil.rmtree(folder)
        recorded["jobs"][job] = resume(job, path)
        print(job, os.path.getsize(path), "bytes")
    with open(os.path.join(FIXTURES, "resumed.json"), "w") as file:
        json.dump(recorded, file, separators=(",", ":"))
        file.write("\n")
