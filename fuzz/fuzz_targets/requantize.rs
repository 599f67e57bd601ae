#![no_main]

mod accumulators;
mod shared;

use accumulators::{Accumulator, Factor};
use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use shared::{Length, Params, Pattern, Place, Placed, Slip, same_output};
use zeropoint::{Code, reference};

#[derive(Arbitrary, Debug)]
struct Case {
    signed: bool,
    multiplier: Factor,
    params: Params,
    places: [Place; 2],
    slip: Slip,
    len: Length,
    accumulators: Pattern<Accumulator>,
}

fn check<Q: Code>(case: &Case) {
    let multiplier = case.multiplier.get();
    let params = case.params.get::<Q>();
    let x = case.accumulators.elements(case.len.0, Accumulator::get);
    let x = Placed::new(&x, case.places[0]);
    let x = x.slice();
    same_output(
        case.slip.of(x.len()),
        case.places[1],
        |out| reference::requantize(x, multiplier, params, out),
        |tier, out| tier.requantize(x, multiplier, params, out),
    );
}

fuzz_target!(|case: Case| by_type!(case.signed, check(&case)));
