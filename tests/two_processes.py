"Train for twenty steps and keep the state: run alone or under torchrun (used by test_training.py)"
import sys
from slr_nbdev.compact import create_model
from slr_nbdev.config import load_config, override
from slr_nbdev.signer import simulate_corpus
from slr_nbdev.resume import RunFolder, fit_settings, make_datasets
from slr_nbdev.training import Trainer, seed_everything

corpus = simulate_corpus(n_glosses=8, n_train=91, n_dev=9, n_test=1, mean_glosses=3)
cfg = override(load_config(), {'model.architecture.hidden_dim':32, 'model.architecture.dropout':0., 'training.batch_size':5, 'training.accumulation_steps':2, 'training.epochs':2}) # 10 steps an epoch, most of 5+5, and one utterance is left alone
cfg = fit_settings(cfg, corpus)
train_ds, dev_ds = make_datasets(corpus, cfg)
seed_everything(1)
trainer = Trainer(create_model(cfg.model.architecture, 'cpu'), train_ds, dev_ds, cfg, keeper=RunFolder(sys.argv[1]))
steps = [(e, s) for e in (1,2) for s in trainer.data.plan(e)]
assert len(steps)==20
assert {len(b) for _,s in steps for b in s}=={5,1}
for epoch in (1,2):
    trainer.progress.epoch, trainer.progress.step = epoch, 0
    mine = [s for e,s in steps if e==epoch]
    trainer.model.train()
    stream = trainer.data.stream(mine, epoch)
    for step in mine: trainer.progress.step += 1; trainer.collect_metrics([trainer.train_step(step, stream)])
trainer.progress.history = [trainer.evaluate_dev()]
trainer.keeper.save(trainer)
trainer.accelerator.wait_for_everyone()
