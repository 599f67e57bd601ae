#![no_main]

mod accumulators;
mod shared;

use accumulators::{Accumulator, Factor, of_the_kind_of};
use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use shared::{Params, Pattern, Place, Placed, Slip, code, same_output};
use zeropoint::gemm::Weights;
use zeropoint::{Code8, Error, Multipliers, QuantParams, Tier, ZeroPoints, reference};

#[derive(Arbitrary, Debug)]
struct Case {
    signed: [bool; 2],
    size: u8,
    shape: [u16; 3],
    /// Of `a`, the output, the zero points of both, the multipliers, the biases and the parameters.
    slips: [Slip; 7],
    /// Of the elements of a channel, where there are multipliers or parameters for each.
    inner_slip: Slip,
    is_one: [bool; 2],
    is_biased: bool,
    codes: [Pattern<u8>; 2],
    zero_points: [Pattern<u8>; 2],
    multiplier: Factor,
    multipliers: Pattern<Factor>,
    bias: Pattern<Accumulator>,
    params: [Pattern<Params>; 2],
    output: Params,
    places: [Place; 2],
}

fn zero_points<Q: Code8>(each: &[Q], is_one: bool) -> ZeroPoints<'_, Q> {
    match each.first() {
        Some(&first) if is_one => ZeroPoints::Same(first),
        _ => ZeroPoints::Each(each),
    }
}

/// The parameters of all rows or columns, of `inner` elements each, or of each its own.
fn params<Q: Code8>(
    each: &[QuantParams<Q>],
    is_one: bool,
    inner: usize,
) -> zeropoint::Params<'_, Q> {
    match each.first() {
        Some(&first) if is_one => first.into(),
        _ => zeropoint::Params::per_axis(each, inner),
    }
}

impl Case {
    /// Up to some tiles, chunks and panels, mostly. Larger ones take longer, so they are few.
    fn shape(&self) -> [usize; 3] {
        let [m, k, n] = self.shape.map(usize::from);
        match self.size {
            // So deep that the depth is done in parts.
            0..8 => [m % 26, k % 12_000, n % 5 + 1],
            // So wide that columns go through a stage in blocks.
            8..16 => [m % 40, k % 64, n % 1300 + 1],
            // Both, and so many columns that the second cache does not hold them.
            16..18 => [m % 3 + 13, k % 64 + 4200, n % 100 + 100],
            _ => [m % 32, k % 150, n % 80 + 1],
        }
    }
}

fn check<A: Code8, B: Code8>(case: &Case) {
    let [m, k, n] = case.shape();
    let [a_slip, out_slip, za_slip, zb_slip, multiplier_slip, bias_slip, params_slip] = case.slips;
    let a = case.codes[0].elements(a_slip.of(m * k), code::<A>);
    let a = Placed::new(&a, case.places[0]);
    let a = a.slice();
    let b = case.codes[1].elements(k * n, code::<B>);
    let len = out_slip.of(m * n);
    // As many rows as the left matrix has; if they are rows of nothing, as the output has.
    let rows = if k > 0 { a.len().div_ceil(k) } else { len.div_ceil(n) };
    let shape = [rows, k, n];
    let za = case.zero_points[0].elements(za_slip.of(m), code::<A>);
    let zb = case.zero_points[1].elements(zb_slip.of(n), code::<B>);
    let za = zero_points(&za, case.is_one[0]);
    let zb = zero_points(&zb, case.is_one[1]);
    let packed: Vec<_> =
        Tier::available().map(|tier| Weights::new(&b, k, n).pack(tier).unwrap()).collect();
    let on = |tier: Tier| packed.iter().find(|packed| packed.tier() == tier).unwrap();
    let columns: Vec<_> = (0..n * k).map(|i| b[i % k * n + i / k]).collect();
    let unpacked =
        if case.is_biased { Weights::transposed(&columns, k, n) } else { Weights::new(&b, k, n) };

    let place = case.places[1];
    same_output(
        len,
        place,
        |out| reference::multiply(a, za, &b, zb, shape, out),
        |tier, out| on(tier).multiply(a, za, zb, out),
    );
    same_output(
        len,
        place,
        |out| reference::multiply(a, za, &b, zb, shape, out),
        |tier, out| unpacked.multiply(tier, a, za, zb, out),
    );

    let each = case
        .multipliers
        .elements(multiplier_slip.of(n), |factor| of_the_kind_of(case.multiplier, factor).get());
    let bias = case.bias.elements(bias_slip.of(n), Accumulator::get);
    let mut multipliers = if case.is_one[0] {
        case.multiplier.get().into()
    } else {
        Multipliers::per_axis(&each, case.inner_slip.of(1))
    };
    if case.is_biased {
        multipliers = multipliers.with_bias(&bias);
    }
    let output = case.output.get::<B>();
    same_output(
        len,
        place,
        |out| reference::multiply_requantize(a, za, &b, zb, shape, multipliers, output, out),
        |tier, out| on(tier).requantize(a, za, zb, multipliers, output, out),
    );
    same_output(
        len,
        place,
        |out| reference::multiply_requantize(a, za, &b, zb, shape, multipliers, output, out),
        |tier, out| unpacked.requantize(tier, a, za, zb, multipliers, output, out),
    );

    let params_a = case.params[0].elements(params_slip.of(m), Params::get::<A>);
    let params_a = params(&params_a, case.is_one[1], case.inner_slip.of(k));
    let params_b = case.params[1].elements(params_slip.of(n), Params::get::<B>);
    let params_b = params(&params_b, case.is_one[0], 1);
    let bias = case.bias.elements(bias_slip.of(n), |bias| bias.get() as f32);
    let bias = case.is_biased.then_some(&bias[..]);
    same_output::<f32, Result<(), Error>>(
        len,
        place,
        |out| reference::multiply_dequantize(a, params_a, &b, params_b, shape, bias, out),
        |tier, out| on(tier).dequantize(a, params_a, params_b, bias, out),
    );
}

fuzz_target!(|case: Case| by_types!(case.signed, check(&case)));
