"Both models, with the guide's names and arguments: size, lengths, padding, over random shapes"
import copy
import numpy as np, pytest, torch
from slr_nbdev.bilstm import BiLSTMModel, create_bilstm_model
from slr_nbdev.bilstm_optimized import OptimizedBiLSTMModel, create_optimized_bilstm_model
from slr_nbdev.core import SlrError

CREATE = {'original': create_bilstm_model, 'optimized': create_optimized_bilstm_model}

@pytest.mark.parametrize('kind,parameters', [('original', 2_870_989), ('optimized', 3_296_333)])
def test_parameters_at_the_guides_size(kind, parameters):
    model = CREATE[kind](input_dim=66, vocab_size=1229, dropout=0.3, device='cpu')
    assert sum(p.numel() for p in model.parameters())==parameters

@pytest.mark.parametrize('factor', [1,2,3])
def test_output_length_is_the_ceiling(factor):
    model = OptimizedBiLSTMModel(hidden_dim=8, num_layers=1, vocab_size=9, projection_dim=8, subsample_factor=factor).eval()
    for T in range(1, 40):
        log_probs, lengths = model(torch.zeros(1,T,66), torch.tensor([T]))
        assert log_probs.shape[0]==lengths.item()==-(-T//factor)

@pytest.mark.parametrize('kind', [BiLSTMModel, OptimizedBiLSTMModel])
@pytest.mark.parametrize('seed', range(8))
def test_company_and_padding_change_nothing(kind, seed):
    torch.manual_seed(seed)
    model = kind(hidden_dim=16, num_layers=2, vocab_size=11).eval()
    for p in model.parameters(): p.data += .1*torch.randn_like(p)   # as if trained: no bias is 0
    lengths = torch.randint(1, 50, (5,))
    x = torch.randn(5, int(lengths.max())+int(torch.randint(0, 20, ())), 66)*10
    with torch.no_grad():
        together, n = model(x, lengths)
        for i,T in enumerate(lengths.tolist()):
            alone, m = model(x[i:i+1,:T], lengths[i:i+1])
            assert m.item()==n[i]
            torch.testing.assert_close(together[:m,i], alone[:,0], atol=1e-4, rtol=1e-4)

@pytest.mark.parametrize('kind', [BiLSTMModel, OptimizedBiLSTMModel])
@pytest.mark.parametrize('features,lengths,says', [
    (torch.zeros(2,9,177), [9,9], 'expected 66 numbers a frame, got 177'), (torch.zeros(2,9,66), [9,0], 'between 1 and the 9 frames'),
    (torch.zeros(2,9,66), [9,10], 'between 1 and the 9 frames'), (torch.zeros(0,9,66), [], 'empty batch'), (torch.zeros(9,66), [9], 'expected (batch, frames, 66)')])
def test_wrong_input_is_named(kind, features, lengths, says):
    with pytest.raises(SlrError) as e: kind(hidden_dim=4, num_layers=1, vocab_size=5)(features, torch.tensor(lengths, dtype=torch.long))
    assert says in str(e.value)

@pytest.mark.skipif(torch.cuda.is_available(), reason='there is a CUDA GPU')
@pytest.mark.parametrize('kind', CREATE)
def test_cuda_where_there_is_none(kind):
    with pytest.raises(SlrError, match="use device='cpu'"): CREATE[kind](device='cuda')

def small(kind): return kind(hidden_dim=16, num_layers=2, vocab_size=11).eval()

def real_steps(log_probs, lengths): return torch.cat([log_probs[:n,i] for i,n in enumerate(lengths.tolist())])

@pytest.mark.parametrize('kind', [BiLSTMModel, OptimizedBiLSTMModel])
@pytest.mark.parametrize('to,tolerance', [(torch.float64, 1e-5), (torch.float16, 2e-2), (torch.bfloat16, 2e-1)])
@torch.no_grad()
def test_other_precisions(kind, to, tolerance):
    "Features of another precision than the weights, either way, and under autocast: the same answers to their precision"
    torch.manual_seed(0)
    model, x, lengths = small(kind), torch.randn(3,40,66), torch.tensor([40,31,12])
    expected = real_steps(*model(x, lengths))
    other = copy.deepcopy(model).to(to)
    for m,f in ((model, x.to(to)), (other, x), (other, x.to(to))):
        torch.testing.assert_close(real_steps(*m(f, lengths)).float(), expected, atol=tolerance, rtol=0)
    with torch.autocast('cpu', torch.bfloat16):
        torch.testing.assert_close(real_steps(*model(x.to(to), lengths)), expected, atol=2e-1, rtol=0)

@pytest.mark.parametrize('kind', [BiLSTMModel, OptimizedBiLSTMModel])
@pytest.mark.parametrize('features,lengths,says', [
    (np.zeros((2,9,66)), [9,9], 'torch.from_numpy'), ([[[0.]*66]], [1], 'expected a tensor'), (torch.zeros(2,9,66).int(), [9,9], 'features.float()'),
    (torch.zeros(9,66), 9, 'features[None]'), (torch.zeros(2,9,66).to_sparse(), [9,9], 'dense tensor'), (torch.zeros(2,9,66, device='meta'), [9,9], 'the model is on cpu'),
    (torch.zeros(2,9,66), [9,8.5], 'whole numbers'), (torch.zeros(2,9,66), [True,True], 'whole numbers'), (torch.zeros(2,9,66), None, 'whole numbers'), (torch.zeros(2,9,66), 9, 'one for each of the 2')])
def test_what_models_are_handed(kind, features, lengths, says):
    with pytest.raises(SlrError) as e: small(kind)(features, lengths)
    assert says in str(e.value)

@pytest.mark.parametrize('kind', [BiLSTMModel, OptimizedBiLSTMModel])
@torch.no_grad()
def test_exported_and_quantised(kind):
    "`torch.export` gives a program for one shape and all lengths; a model that PyTorch quantised runs padded batches"
    torch.manual_seed(0)
    model, x = small(kind), torch.randn(3,40,66)
    program = torch.export.export(model, (x, torch.tensor([40,40,40]))).module()
    quantised = torch.ao.quantization.quantize_dynamic(model, {torch.nn.LSTM, torch.nn.Linear})
    for lengths in ([40,40,40], [40,31,12], [1,39,20]):
        expected = real_steps(*model(x, torch.tensor(lengths)))
        torch.testing.assert_close(real_steps(*program(x, torch.tensor(lengths))), expected, atol=1e-5, rtol=0)
        torch.testing.assert_close(real_steps(*quantised(x, torch.tensor(lengths))), expected, atol=.2, rtol=0)
