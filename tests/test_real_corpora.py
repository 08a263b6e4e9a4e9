"The readers on the real data, where it is"
import numpy as np
from slr_nbdev.corpora import describe_corpus
from slr_nbdev.recorded import landmarks_from_holistic, read_asl_words, read_boston104

def test_boston104(real_data):
    corpus = read_boston104(real_data/'boston104')
    table = describe_corpus(corpus)
    assert table.loc['utterances'].tolist()==[141,20,40]
    assert table.loc['frames'].sum()==15746
    assert table.loc['glosses',['train','dev']].sum()==710 and table.loc['glosses','test']==178
    assert table.loc['gloss_types','train']==112
    train = {u.glosses for u in corpus.train+corpus.dev}
    assert sum(u.glosses not in train for u in corpus.test)==14

def test_asl_words(real_data):
    corpus = read_asl_words(real_data/'asl_words_mp.npz')
    table = describe_corpus(corpus)
    assert table.loc['glosses'].tolist()==[4*2430,270,360]
    assert table.loc['out_of_vocabulary'].tolist()==[0,0,0]
    assert not {'water'} & {g for u in corpus.test for g in u.glosses}
    data = np.load(real_data/'asl_words_mp.npz')
    clips = {landmarks_from_holistic(xy, vis).tobytes(): session for xy,vis,session in zip(data['pose_xy'], data['visibility'], data['session'])}
    sessions = {part: {clips[u.landmarks[:20].tobytes()] for u in getattr(corpus, part)} for part in ('train','dev','test')} # a sentence starts with an unchanged clip
    assert sessions['test']=={'34b17b694'} and not sessions['train'] & (sessions['dev'] | sessions['test'])
