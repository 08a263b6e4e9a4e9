"A model with hands, and inputs that have them or lack them; the guide's 66 numbers stay what they were"
import json
import numpy as np, pytest
from slr_nbdev.core import SlrError
from slr_nbdev.points import LANDMARK_SETS, POSE, clip_with_hands
from slr_nbdev.landmarks import exchanged_hands, pose_features
from slr_nbdev.corpora import Utterance, fingerprint
from slr_nbdev.recorded import read_asl_session, read_asl_words
from slr_nbdev.signer import simulate_corpus
from slr_nbdev.store import FeatureStore, STORE_ABOUT, write_store
from slr_nbdev.poses import read_pose, write_pose
from slr_nbdev.augmentation import mirror_body
from slr_nbdev.batches import body_of
from slr_nbdev.config import FeaturesConfig
from slr_nbdev.checkpoints import load_checkpoint
from slr_nbdev.recognition import Recognizer
from slr_nbdev.resume import fit_settings, run_settings, train_model
from slr_nbdev.study.hands import hands_config
from test_sync import root

hands = LANDMARK_SETS['pose+hands']
with_hands = FeaturesConfig(landmarks='pose+hands')

@pytest.fixture(scope='module')
def model(tmp_path_factory):
    "The path of a small model with hands, and its corpus"
    corpus = simulate_corpus(n_glosses=5, n_train=10, n_dev=3, n_test=3, points=hands)
    folder = tmp_path_factory.mktemp('hands')
    cfg = hands_config('signer', 'pose+hands', 1, 1, 'model.architecture.hidden_dim=8,model.architecture.num_layers=1')
    train_model(corpus, cfg, folder, 'cpu', progress=False)
    return folder/'best.safetensors', corpus

def test_the_66_numbers_are_what_they_were():
    recorded = json.loads((root/'data'/'results'/'ladder-signer.json').read_text())
    assert fingerprint(simulate_corpus())==recorded['settings']['fingerprint']
    few, same = (simulate_corpus(n_train=2, n_dev=1, n_test=1, points=p).train for p in (POSE, hands))
    for a,b in zip(few, same):
        assert np.array_equal(a.landmarks, b.landmarks[:,:33], equal_nan=True)
        assert np.array_equal(body_of(a), body_of(b), equal_nan=True) # the default set of a clip with more
        assert np.array_equal(pose_features(a.landmarks), pose_features(b.landmarks, points=hands)[:,:66])

def test_recognises_what_has_hands_and_refuses_what_lacks_them(model, tmp_path):
    rec, clip = Recognizer(load_checkpoint(model[0], 'cpu')), model[1].test[0].landmarks
    own = rec.recognize(clip, aspect=1)
    assert not any('shape' in w for w in own.warnings)
    with pytest.raises(SlrError, match=r'array: has the landmarks pose \(33 points\), but pose\+hands \(75 points\) are asked for'):
        rec.recognize(clip[:,:33], aspect=1)
    points = np.concatenate([clip, np.where(np.isnan(clip[...,:1]), np.nan, 1)], -1)
    write_pose(tmp_path/'with.pose', points, 25, (1000,1000), 'a test', hands)
    write_pose(tmp_path/'without.pose', points[:,:33], 25, (1000,1000), 'a test')
    assert str(rec.recognize(tmp_path/'with.pose'))==str(own)
    with pytest.raises(SlrError, match='no LEFT_HAND_LANDMARKS with 21 points'): rec.recognize(tmp_path/'without.pose')

def test_a_hand_that_is_never_found_is_told(model):
    clip = model[1].test[0].landmarks.copy()
    clip[:,33:54] = np.nan
    rec = Recognizer(load_checkpoint(model[0], 'cpu'))
    assert any('the left hand was not found in 100% of the frames' in w for w in rec.recognize(clip, aspect=1).warnings)

def test_a_store_with_hands_is_read_as_a_smaller_set_never_the_reverse(tmp_path):
    corpus = simulate_corpus(n_train=2, n_dev=1, n_test=1, points=hands)
    about = dict.fromkeys(STORE_ABOUT, '')|{'kind': 'simulated', 'missing': [], 'normalisation': 'body'}
    def store(points):
        rows = [(u.id, u.signer, u.glosses, body_of(u, FeaturesConfig(landmarks=points.name)).reshape(len(u), -1)) for u in corpus.train]
        write_store(tmp_path/points.name, 'train', rows, about|{'landmarks': points.name if points!=POSE else 'mediapipe-pose-33'})
        return FeatureStore(tmp_path/points.name, 'train').utterances
    large, small = store(hands), store(POSE)
    for a,b,u in zip(large, small, corpus.train):
        assert np.array_equal(body_of(a), body_of(b), equal_nan=True)
        upper = FeaturesConfig(landmarks='upper+hands')
        assert np.allclose(body_of(a, upper), body_of(u, upper), atol=1e-5, equal_nan=True)
    with pytest.raises(SlrError, match=r'train-00000: has the landmarks pose \(33 points\), but pose\+hands'): body_of(small[0], with_hands)

def test_mirrored_signing_is_the_signing_of_the_other_hand():
    clip = clip_with_hands()
    film = (clip*[-1,1]+[1,0])[:,hands.mirror]
    one, other = (body_of(Utterance('u', c, ('A',), 'S', points=hands), with_hands) for c in (clip, film))
    assert np.allclose(mirror_body(one, hands), other, atol=1e-5, equal_nan=True)

def test_hands_of_real_files(real_data):
    points, fps, size, _ = read_pose(real_data/'media'/'phoenix14t_sample.pose', points=hands)
    found = [np.isfinite(points[:,k,0]).any(1).mean() for k in (hands.groups['left hand'], hands.groups['right hand'])]
    assert points.shape==(86,75,3) and (fps, size)==(25, (210,260)) and min(found)>.4
    lips = LANDMARK_SETS['upper+hands+lips']
    mouth = read_pose(real_data/'media'/'phoenix14t_sample.pose', points=lips)[0][:,lips.groups['lips']]
    assert np.isfinite(mouth[...,:2]).all() and np.ptp(mouth[...,0], axis=1).max()<.2 # of the picture's width

def test_a_session_of_real_words(real_data):
    file = real_data/'asl_words_mp.npz'
    corpus = read_asl_words(file, hands)
    alone = read_asl_session(file, '34b17b694', hands)
    assert [(u.id, u.glosses) for u in alone]==[(u.id, u.glosses) for u in corpus.test]
    assert all(np.array_equal(a.landmarks, b.landmarks, equal_nan=True) for a,b in zip(alone, corpus.test))
    with pytest.raises(SlrError, match=r'no session x; there are .*34b17b694 \('): read_asl_session(file, 'x', hands)

def test_hands_without_a_body_are_nobody(model, tmp_path):
    rec, clip = Recognizer(load_checkpoint(model[0], 'cpu')), model[1].test[0].landmarks.copy()
    clip[:,:33] = np.nan
    assert rec.recognize(clip, aspect=1).warnings==['nobody was found in the picture: nothing can be recognised']
    points = np.concatenate([clip, np.where(np.isnan(clip[...,:1]), np.nan, 1)], -1)
    write_pose(tmp_path/'hands.pose', points, 25, (1000,1000), 'a test', hands)
    assert rec.recognize(tmp_path/'hands.pose').glosses==[]
    with pytest.raises(SlrError, match='nobody was found'): Utterance('u', clip, ('A',), 'S', points=hands)

def test_exchanged_hands_and_a_picture_upside_down_are_told(model):
    rec, clip = Recognizer(load_checkpoint(model[0], 'cpu')), model[1].test[0].landmarks
    swapped = np.concatenate([clip[:,:33], clip[:,54:], clip[:,33:54]], 1)
    assert any('are left and right exchanged?' in w for w in rec.recognize(swapped, aspect=1).warnings)
    assert any('upside down' in w for w in rec.recognize(clip*[1,-1]+[0,1], aspect=1).warnings)
    assert not any('exchanged' in w or 'upside' in w for w in rec.recognize(clip, aspect=1).warnings)

def test_the_width_follows_the_landmarks():
    assert run_settings('signer', changes='features.landmarks=upper+hands').model.architecture.input_dim==130
    wrong = run_settings('signer', changes='features.landmarks=pose+hands,model.architecture.input_dim=177')
    with pytest.raises(SlrError, match=r'input_dim is 177, but features are 150 wide \(pose\+hands: 75 landmarks x 2\)'):
        fit_settings(wrong, simulate_corpus(n_train=1, n_dev=1, n_test=1, points=hands))

def test_real_hands_are_at_their_own_wrists(real_data):
    clips = [u.landmarks for u in read_asl_words(real_data/'asl_words_mp.npz', hands).dev]
    assert max(exchanged_hands(c, hands) for c in clips)<.1
