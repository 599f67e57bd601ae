#![no_main]

mod accumulators;
mod shared;

use accumulators::{Accumulator, Factor, of_the_kind_of};
use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use shared::{Params, Pattern, Place, Placed, Slip, same_output};
use zeropoint::{Code, Multipliers, reference};

#[derive(Arbitrary, Debug)]
struct Case {
    signed: bool,
    outer: u8,
    channels: u8,
    inner: u8,
    slips: [Slip; 3],
    /// What is multiplied by, of one kind or mixed, which is an error.
    first: Factor,
    is_mixed: bool,
    multipliers: Pattern<Factor>,
    bias: Option<Pattern<Accumulator>>,
    params: Params,
    places: [Place; 2],
    accumulators: Pattern<Accumulator>,
}

fn check<Q: Code>(case: &Case) {
    let [channels, inner] = [case.channels, case.inner].map(|n| usize::from(n % 81));
    let outer =
        usize::from(case.outer % 4).min(4096_usize.checked_div(channels * inner).unwrap_or(1));
    let multipliers = case.multipliers.elements(channels, |factor| {
        let factor = if case.is_mixed { factor } else { of_the_kind_of(case.first, factor) };
        factor.get()
    });
    let bias =
        case.bias.as_ref().map(|bias| bias.elements(case.slips[0].of(channels), Accumulator::get));
    let mut multipliers = Multipliers::per_axis(&multipliers, inner);
    if let Some(bias) = &bias {
        multipliers = multipliers.with_bias(bias);
    }
    let params = case.params.get::<Q>();
    let elements = case.slips[1].of(outer * channels * inner);
    let x = case.accumulators.elements(elements, Accumulator::get);
    let x = Placed::new(&x, case.places[0]);
    let x = x.slice();
    same_output(
        case.slips[2].of(elements),
        case.places[1],
        |out| reference::requantize(x, multipliers, params, out),
        |tier, out| tier.requantize(x, multipliers, params, out),
    );
}

fuzz_target!(|case: Case| by_type!(case.signed, check(&case)));
