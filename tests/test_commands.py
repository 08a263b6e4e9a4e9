"The commands: what works, and every kind of bad input (one line that names it, a non-zero exit, nothing written)"
import json, re
from pathlib import Path
import nbformat, numpy as np, pytest
from conftest import COMMANDS
from safetensors.numpy import save_file
from slr_nbdev.points import standing_pose

def boston(root, frames='1,0,1,2,3,4,5,6\n1,1,1,2,3,4,5,6\n', words='1,S,A,0,1\n', header='video,frame,left-x,left-y,right-x,right-y,nose-x,nose-y\n'):
    "A corpus folder in the layout of RWTH-BOSTON-104"
    root.mkdir()
    (root/'hands_condensed.csv').write_text(header+frames if frames is not None else '')
    for split in ('train','test'): (root/f'{split}_words.csv').write_text('video,speaker,word,startframe,endframe\n'+words)
    return root

def mp_data(root, frame):
    "Two words with three recordings each; `frame` makes the frames of one of them"
    for word in ('a','b'):
        for i in range(3):
            d = root/word/str(i); d.mkdir(parents=True)
            frames = [np.full(258, .5)]*3 if (word,i)!=('b',1) else frame
            for t,f in enumerate(frames): np.save(d/f'{t}.npy', f)
    return root

def fails(call, tmp_path, *args, says):
    "The command ends with one line on standard error that holds `says`, and leaves nothing behind"
    before = set(tmp_path.rglob('*'))
    r = call(*args)
    assert r.returncode!=0
    assert r.stdout==''
    assert len(r.stderr.strip().splitlines())==1, r.stderr
    for s in says: assert s in r.stderr, r.stderr
    assert set(tmp_path.rglob('*'))==before

BAD_BOSTON = {
    'empty csv': (dict(frames=None), ['hands_condensed.csv', 'the file is empty']),
    'missing column': (dict(header='video,frame,left-x,left-y,right-x,right-y,nose-x,chin-y\n'), ['hands_condensed.csv', 'no column nose-y']),
    'no rows': (dict(frames=''), ['hands_condensed.csv', 'no rows']),
    'NaN frames only': (dict(frames='1,0,nan,nan,nan,nan,nan,nan\n'), ['1: all 1 frames are NaN', 'extract it again']),
    'text for a number': (dict(frames='1,0,left,2,3,4,5,6\n'), ['line 2', "'left'"]),
    'video without frames': (dict(words='7,S,A,0,1\n'), ['train_words.csv', 'video 7 has no frames'])}

@pytest.mark.parametrize('case', BAD_BOSTON)
def test_bad_tables(call, tmp_path, case):
    corpus, says = BAD_BOSTON[case]
    fails(call, tmp_path, 'slr_study', '--corpus', 'boston104', '--root', boston(tmp_path/'b', **corpus), says=says)

@pytest.mark.parametrize('frame,says', [([], ['b/1', 'zero frames']), ([np.zeros(177)]*3, ['b/1/0.npy', 'expected 258 or 1662 numbers']), ([np.zeros(258)]*3, ['b/1', 'all 3 frames are NaN'])])
def test_bad_recordings(call, tmp_path, frame, says):
    fails(call, tmp_path, 'slr_train', '--corpus', 'mp_data', '--root', mp_data(tmp_path/'m', frame), says=says)

def test_bad_arguments(call, tmp_path):
    (tmp_path/'file').write_text('')
    (tmp_path/'177.yaml').write_text('model:\n  architecture:\n    input_dim: 177\n')
    (tmp_path/'typo.yaml').write_text('training:\n  epoch: 3\n')
    save_file({'x': np.zeros(2, np.float32)}, tmp_path/'other.safetensors')
    cases = [
        (('slr_study','--corpus','boston104','--root','nowhere'), ['nowhere', 'no such folder']),
        (('slr_study','--corpus','phoenix'), ["'phoenix'", 'boston104']),
        (('slr_study','--out','file'), ['file', "can't write there"]),
        (('slr_study','--config','bilstm_original_config.yaml'), ['type: optimized']),
        (('slr_study','--epochs','0'), ['training.epochs']),
        (('slr_train','--out','file'), ['file', "can't write there"]),
        (('slr_train','--config','177.yaml'), ['input_dim is 177', '66']),
        (('slr_train','--config','typo.yaml'), ['typo.yaml', 'training.epoch', 'epochs']),
        (('slr_train','--device','gpu'), ['gpu', 'cpu']),
        (('slr_train','--device','mps'), ['mps', 'cpu']),
        (('slr_train','--seed','5000000000'), ['training.seed', '5000000000']),
        (('slr_eval','.'), ['a folder']),
        (('slr_eval','other.safetensors'), ['other.safetensors', 'not a checkpoint']),
        (('slr_eval','none.safetensors'), ['no such checkpoint']),
        (('slr_data','check','asl_words','--root','file'), ['file', '.npz'])]
    for args,says in cases: fails(call, tmp_path, *args, says=says)

PROCESS = {
    'slr_study': (['--epochs','0'], 'training.epochs'),
    'slr_train': (['--device','gpu'], 'gpu'),
    'slr_eval': (['none.safetensors'], 'no such checkpoint'),
    'slr_runs': (['--out','nowhere'], 'no such folder'),
    'slr_data': (['check','asl_words','--root','nowhere'], 'nowhere'),
    'slr_bench': (['size','--repeats','0'], '--repeats 0'),
    'slr_speed': (['nonsense'], 'nonsense'),
    'slr_experiment': (['speed'], 'speed'),
    'slr_compare': (['--repeats','-1'], '--repeats -1'),
    'slr_claims': (['--results','nowhere'], 'nowhere'),
    'slr_lm': (['--corpus','nowhere'], 'nowhere'),
    'slr_tune': (['none.safetensors'], 'no such checkpoint'),
    'slr_sentences': (['nonsense'], 'nonsense'),
    'slr_score': (['none.stm','none.ctm'], 'none.stm'),
    'slr_recognize': (['film.mp4','--checkpoint','none.safetensors'], 'no such checkpoint'),
    'slr_extract': (['nowhere','out'], 'no such folder'),
    'slr_export': (['none.safetensors'], 'no such checkpoint'),
    'slr_report': (['nowhere'], 'no such run'),
    'slr_demo': (['none.safetensors'], 'no such checkpoint')}

@pytest.mark.parametrize('name', COMMANDS)
def test_a_process_ends_as_the_call_does(run, call, tmp_path, name):
    "Every command once as the shell starts it, with bad input: the same exit code, the same line, nothing written"
    args, says = PROCESS.get(name, (['--nonsense'], '--nonsense'))
    process, called = run(name, *args), call(name, *args)
    assert process.returncode and process.stdout=='' and says in process.stderr and 'Traceback' not in process.stderr
    assert (process.returncode, process.stdout, process.stderr)==(called.returncode, called.stdout, called.stderr)
    if name in PROCESS: assert len(process.stderr.strip().splitlines())==1, process.stderr
    assert not any(tmp_path.iterdir())

def test_train_then_evaluate_as_json(run, tmp_path):
    "Two programs talk: a run's JSON names the checkpoint, its score comes back as JSON; a gloss that train never showed is counted"
    frames = ''.join(f'{v},{t},{100+t},150,{120-t},150,110,60\n' for v in range(30) for t in range(9))
    words = ''.join(f'{v},S,{w},{i},{i}\n' for v in range(25) for i,w in enumerate('AB'))
    root = boston(tmp_path/'b', frames, words)
    (root/'test_words.csv').write_text('video,speaker,word,startframe,endframe\n'+''.join(f'{v},S,{w},{i},{i}\n' for v in range(25,30) for i,w in enumerate('AC')))
    complete = run('slr_data','check','boston104','--root',root)
    assert complete.returncode!=0 and 'not the complete boston104' in complete.stderr
    train = run('slr_train','--corpus','boston104','--root',root,'--epochs','1','--device','cpu','--json')
    assert train.returncode==0, train.stderr
    info = json.loads(train.stdout)
    assert {p.name.split('.out.')[0] for p in (tmp_path/info['checkpoint']).parent.glob('[!.]*')}=={'best.safetensors','config.yaml','curves.png','environment.json','events','last.safetensors','metrics.csv'}
    scored = run('slr_eval', info['checkpoint'], '--corpus','boston104','--root',root,'--device','cpu','--json')
    result = json.loads(scored.stdout)
    assert result['out_of_vocabulary']==5 and result['score']['words']==10

def test_the_python_of_the_command_page_runs(run, tmp_path, monkeypatch):
    "The example on a checkpoint that the README's own command made"
    assert run('slr_train','--epochs','1','--device','cpu').returncode==0
    monkeypatch.chdir(tmp_path)
    nbs = Path(__file__).parents[1]/'nbs'
    text = '\n'.join(c.source for c in nbformat.read(nbs/'59_commands.ipynb', 4).cells if c.cell_type=='markdown')
    by_hand, = re.findall(r'```python\n(.*?)```', text, re.S)
    names = {'landmarks': np.repeat(standing_pose()[None], 40, 0)}
    exec(by_hand, names)
    assert 'my-clip' in names['recognise'](names['ckpt'].model, names['dataset']).hypotheses

def test_help_reads_well(call):
    for cmd in ('slr_study','slr_train','slr_eval','slr_data'):
        r = call(cmd, '--help')
        assert r.returncode==0 and '--root' in r.stdout and 'recorded corpus' in r.stdout+'recorded corpus'*(cmd=='slr_data')

def test_the_parts_of_the_study(call, tmp_path):
    "slr_study WHAT: each part has its help under its own name; without WHAT it is the main job"
    alone = call('slr_study','--help').stdout
    for what,flag in (('models','--epochs'), ('guide','--repeats'), ('claims','--results'), ('bench','--repeats'), ('speed','--corpus'),
                      ('stability','--seeds'), ('ladder','--rungs'), ('warm-start','--warm'), ('sentences','checkpoints'),
                      ('errors','--worst'), ('results','parts')):
        r = call('slr_study', what, '--help')
        assert r.returncode==0 and r.stdout.startswith(f'usage: slr_study {what} [-h]') and flag in r.stdout, what
        assert f'\n  {what} ' in alone
    for args,begins in (((), 'slr_study: error: '), (('models',), 'slr_study models: error: ')):
        r = call('slr_study', *args, '--epochs', '0')
        assert r.returncode!=0 and r.stdout=='' and r.stderr.startswith(begins) and len(r.stderr.splitlines())==1, r.stderr
    r = call('slr_study','bnech')
    assert r.returncode!=0 and r.stdout=='' and r.stderr.startswith("slr_study: error: 'bnech': no such part") and len(r.stderr.splitlines())==1
    assert not any(tmp_path.iterdir())

def test_list_names_origin_and_licence(call):
    listing = json.loads(call('slr_data','list','--json').stdout)
    assert all(o['origin'] and o['licence'] for o in listing.values()) and {'signer','boston104','asl_words','mp_data'}<=set(listing)

def test_flags_are_not_guessed(call, tmp_path):
    "A shortened flag is none, a flag that is given twice is refused, and so is a setting that a flag gives too"
    for args,says in ((('--epo','3'), 'unrecognized arguments: --epo 3'), (('--epochs','1','--epochs','2'), '--epochs is given twice'),
                      (('--settings','training.seed=1','--settings','training.epochs=1'), '--settings is given twice')):
        r = call('slr_train', *args)
        assert r.returncode==2 and says in r.stderr.splitlines()[-1], r.stderr
    for args,says in ((('--settings','training.seed=1,training.seed=1'), 'training.seed is given twice'),
                      (('--settings','training.seed=1 training.seed=2'), 'write a comma between changes'),
                      (('--settings','training={seed: 1}','--seed','2'), 'training is given twice, here and by a flag'),
                      (('--settings','training.batch-size=4'), 'the nearest is training.batch_size')):
        fails(call, tmp_path, 'slr_train', *args, says=[says])

def test_a_figure_is_what_its_name_says(call, tmp_path):
    trained = call('slr_train','--epochs','1','--device','cpu','--settings','model.architecture.hidden_dim=16','--name','a')
    assert trained.returncode==0, trained.stderr
    for name in ('x.jpg','x','x.pdf.'):
        for cmd in (('slr_runs','a'), ('slr_tune','runs/a/best.safetensors')):
            fails(call, tmp_path, *cmd, '--figure', name, says=['--figure '+name, '.png, .pdf, .svg'])
    for name,begins in (('x.png', b'\x89PNG'), ('x.pdf', b'%PDF'), ('new/x.SVG', b'<?xml')):
        assert call('slr_runs','a','--figure',name).returncode==0
        assert (tmp_path/name).read_bytes().startswith(begins)

@pytest.mark.long
def test_plain_machines(run, tmp_path, monkeypatch):
    "No UTF-8 locale, and no home that can be written to: names of any language work, figures are drawn"
    for k,v in dict(LC_ALL='C', PYTHONUTF8='0', HOME='/nonexistent', MPLCONFIGDIR='/proc/nowhere').items(): monkeypatch.setenv(k, v)
    r = run('slr_train','--name','größe','--out','läufe','--epochs','1','--device','cpu','--settings','model.architecture.hidden_dim=16')
    assert r.returncode==0 and 'läufe/größe/best.safetensors: dev WER' in r.stdout, r.stderr
    r = run('slr_runs','größe','--out','läufe','--json','--figure','läufe/kurven.svg')
    assert r.returncode==0 and json.loads(r.stdout)['runs'][0]['state']=='finished' and 'Traceback' not in r.stderr, r.stderr
    assert (tmp_path/'läufe'/'kurven.svg').exists()
    for args in (('slr_runs','nö','--out','läufe'), ('slr_train','--config','nö.yaml')):
        r = run(*args)
        assert r.returncode==1 and 'Traceback' not in r.stderr and 'error: ' in r.stderr.splitlines()[-1], r.stderr
    for cmd in ('slr_train','slr_tune'): assert run(cmd,'--help').returncode==0
