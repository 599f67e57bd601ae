//! Linear layers: the output, and the codes and parameters that are left.
#![no_main]

mod shared;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use shared::{Float, Params, Pattern, Place, Placed, Slip, code, same_output};
use zeropoint::{Code, QuantParams, Scheme, Tier, Weights, reference};

#[derive(Arbitrary, Debug)]
struct Case {
    signed: [bool; 2],
    is_symmetric: bool,
    codes: Option<[u8; 2]>,
    shape: [u8; 3],
    /// Of `x`, the parameters of its rows, its codes, the parameters of the weights, the biases and
    /// the output.
    slips: [Slip; 6],
    is_one: bool,
    is_biased: bool,
    /// Without infinities.
    is_finite: bool,
    places: [Place; 2],
    x: Pattern<Float>,
    weights: Pattern<u8>,
    params: Pattern<Params>,
    bias: Pattern<Float>,
}

fn check<A: Code, B: Code>(case: &Case) {
    let [m, k, n] = case.shape.map(usize::from);
    // Up to some tiles, chunks and panels.
    let (m, k, n) = (m % 32, k % 150, n % 80 + 1);
    let [x_slip, rows_slip, codes_slip, params_slip, bias_slip, out_slip] = case.slips;
    let all = if case.is_symmetric { Scheme::<A>::symmetric() } else { Scheme::<A>::affine() };
    let with_codes = case.codes.and_then(|codes| {
        let [lo, hi] = codes.map(code);
        all.with_codes(lo..=hi).ok()
    });
    let scheme = with_codes.unwrap_or(all);
    let x = case.x.elements(x_slip.of(m * k), |x| {
        let x = x.value(0.01);
        if case.is_finite && x.is_infinite() { 1.0 } else { x }
    });
    let x = Placed::new(&x, case.places[0]);
    let x = x.slice();
    let b = case.weights.elements(k * n, code::<B>);
    let count = if case.is_one { 1 } else { params_slip.of(n) };
    let of_b = case.params.elements(count, Params::get::<B>);
    let bias = case.bias.elements(bias_slip.of(n), |x| x.value(1.0));
    let bias = case.is_biased.then_some(&bias[..]);
    let packed: Vec<_> =
        Tier::available().map(|tier| Weights::new(&b, k, n).pack(tier).unwrap()).collect();
    let on = |tier: Tier| packed.iter().find(|packed| packed.tier() == tier).unwrap();

    let len = out_slip.of(m * n);
    let params = vec![QuantParams::default(); rows_slip.of(m)];
    let shape = [params.len(), k, n];
    let codes = vec![code::<A>(0x5a); codes_slip.of(m * k)];
    same_output::<f32, _>(
        len,
        case.places[1],
        |out| {
            let (mut params, mut codes) = (params.clone(), codes.clone());
            let (p, c) = (&mut params, &mut codes);
            let result = reference::linear(x, scheme, p, c, &b, &of_b, shape, bias, out);
            (result, params, codes)
        },
        |tier, out| {
            let (mut params, mut codes) = (params.clone(), codes.clone());
            let (p, c) = (&mut params, &mut codes);
            let result = tier.linear(x, scheme, p, c, on(tier), &of_b, bias, out);
            (result, params, codes)
        },
    );
}

fuzz_target!(|case: Case| by_types!(case.signed, check(&case)));
