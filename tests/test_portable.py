"What Unix alone has is asked for when it is used, never at import"
import re, subprocess, sys

HIDE = '''
import importlib, importlib.abc, os, pkgutil, signal, sys
import slr_nbdev

def modules(): return [m.name for m in pkgutil.walk_packages(slr_nbdev.__path__, 'slr_nbdev.')]
def load():
    for name in modules(): importlib.import_module(name)

class Hidden(importlib.abc.MetaPathFinder):
    "Modules that Windows does not have"
    names = {'fcntl','resource','pwd','grp','termios','tty','pty','syslog','crypt'}
    def find_spec(self, name, path, target=None):
        if name in self.names: raise ModuleNotFoundError(f'No module named {name!r}')

load() # libraries may know their way around; ours is imported once more, on a system without them
for name in [k for k in sys.modules if k in Hidden.names or k.partition('.')[0]=='slr_nbdev']: del sys.modules[name]
sys.meta_path.insert(0, Hidden())
for name in ('fork','forkpty','getuid','geteuid','getgid','getloadavg','killpg','mkfifo','nice','setsid','sched_getaffinity','sched_setaffinity','sysconf','uname','WNOHANG','O_NONBLOCK','O_CLOEXEC'): delattr(os, name)
for name in ('SIGKILL','SIGHUP','SIGALRM','SIGUSR1','setitimer','alarm'): delattr(signal, name)
import slr_nbdev
load()
print(len(modules()))
'''

def test_every_module_without_unix():
    r = subprocess.run([sys.executable, '-c', HIDE], capture_output=True, text=True, timeout=120)
    assert r.returncode==0, r.stderr
    assert int(r.stdout)>20

def test_the_test_can_fail():
    "A module that needs `fcntl` at import is found"
    broken = re.sub('^load[(][)].*\n', '', HIDE, flags=re.M).replace("import slr_nbdev\nprint", "import fcntl\nprint")
    r = subprocess.run([sys.executable, '-c', broken], capture_output=True, text=True, timeout=120)
    assert r.returncode and "No module named 'fcntl'" in r.stderr
