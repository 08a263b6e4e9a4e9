"Train in child processes that are killed, resume them, and report what differs from a run that was never killed (used by test_training.py)"
import os
os.environ.setdefault('OMP_NUM_THREADS', '1')
import json, random, shutil, signal, sys, time
from pathlib import Path
import pandas as pd, torch
from safetensors.torch import load_file, save
from slr_nbdev import checkpoints, core
from slr_nbdev.checkpoints import load_checkpoint, load_state
from slr_nbdev.config import load_config, override
from slr_nbdev.signer import simulate_corpus
from slr_nbdev.resume import train_model

corpus = simulate_corpus(n_glosses=5, n_train=24, n_dev=4, n_test=1, mean_glosses=3)
base = override(load_config(), {'model.architecture.hidden_dim':8, 'model.architecture.num_layers':1, 'training.batch_size':4, 'training.accumulation_steps':2, 'training.epochs':6, 'training.checkpoint_seconds':0., 'training.optimizer.learning_rate':.01})
CONFIGS = {'plateau': override(base, {'training.scheduler.patience':0}),
           'everything': override(base, {'training.scheduler':dict(type='OneCycleLR'), 'training.ema_decay':.9, 'training.batch_frames':300, 'augmentation.tempo':.2, 'augmentation.noise':.02}),
           'with dev': override(base, {'training.with_dev':True})}

def in_child(work):
    "Run `work` in a process of its own; its id"
    pid = os.fork()
    if pid: return pid
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    try: work(); os._exit(0)
    except BaseException as e: print(f'{type(e).__name__}: {e}', flush=True); os._exit(1)

def wait(pid): return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

def train(cfg, folder): train_model(corpus, cfg, folder, 'cpu', progress=False, resume=(folder/'last.safetensors').exists())

def die(): os.kill(os.getpid(), signal.SIGKILL)

def dying_writer(n, where):
    "Make the n-th checkpoint this process writes its last: torn in the middle, or complete but not yet in its place"
    count, (save_file, replace) = [0], (checkpoints.save_file, os.replace)
    def _save(tensors, path, metadata):
        count[0] += 1
        if count[0]!=n or where!='torn': return save_file(tensors, path, metadata)
        data = save(tensors, metadata)
        Path(path).write_bytes(data[:len(data)//2]); die()
    def _replace(a, b):
        if count[0]==n and where=='not renamed': die()
        replace(a, b)
    checkpoints.save_file, core.os.replace = _save, _replace

def unreadable(folder):
    "What a killed run left that can't be read"
    bad = []
    for name,read in (('last.safetensors',load_state), ('best.safetensors',lambda p: load_checkpoint(p, 'cpu')), ('metrics.csv',pd.read_csv), ('config.yaml',load_config), ('environment.json',lambda p: json.loads(p.read_text()))):
        try: (folder/name).exists() and read(folder/name)
        except Exception as e: bad.append(f'{name}: {e}')
    return bad

def outcome(folder):
    "Everything that must be equal: all tensors, and the table without its clock"
    tensors = {f'{n}/{k}': v for n in ('last','best') for k,v in load_file(folder/f'{n}.safetensors').items()}
    return tensors, pd.read_csv(folder/'metrics.csv').drop(columns='seconds').to_dict('list')

def differences(a, b):
    (ta, ma), (tb, mb) = a, b
    return [k for k in ta.keys()|tb.keys() if k not in ta or k not in tb or not torch.equal(ta[k], tb[k])]+[k for k in ma if ma[k]!=mb.get(k)]

def kill_once(cfg, folder, seconds, rng, i):
    "One run killed: at a random time after it began to train, or in the middle of writing; how, and its exit code"
    if i%5<3:
        delay, pid = rng.uniform(0, seconds), in_child(lambda: train(cfg, folder))
        while not (folder/'environment.json').exists(): time.sleep(.001)
        time.sleep(delay); os.kill(pid, signal.SIGKILL)
        return f'{delay:.2f} s into training', wait(pid)
    where, n = ('torn','not renamed')[i%5-3], rng.randint(1, 20)
    return f'{where}, write {n}', wait(in_child(lambda: (dying_writer(n, where), train(cfg, folder))))

def main(root, kills, seed):
    root, rng, rows = Path(root), random.Random(seed), []
    whole = {}
    for name,cfg in list(CONFIGS.items())[:kills]: # the others would not be compared
        assert wait(in_child(lambda: train(cfg, root/name)))==0
        began, ended = ((root/name/f).stat().st_mtime for f in ('environment.json','metrics.csv'))
        whole[name] = ended-began, outcome(root/name)
    for i in range(kills):
        name = list(CONFIGS)[i%len(CONFIGS)]
        folder = root/f'{name}-{i}'
        how, code = kill_once(CONFIGS[name], folder, whole[name][0], rng, i)
        left = unreadable(folder) if folder.exists() else []
        at = load_state(folder/'last.safetensors', words_only=True)[1] if (folder/'last.safetensors').exists() else None
        end = wait(in_child(lambda: train(CONFIGS[name], folder)))
        rows.append(dict(how=how, killed=code==-signal.SIGKILL, at=at and [at['epoch'], at['step']], unreadable=left, end=end, differ=differences(whole[name][1], outcome(folder)) if not end else ['did not end']))
        shutil.rmtree(folder)
    print(json.dumps(rows))

if __name__=='__main__': main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
