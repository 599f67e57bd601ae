#![no_main]

mod shared;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use shared::{Pair, code, same};
use zeropoint::{Code8, reference};

#[derive(Arbitrary, Debug)]
struct Case {
    signed: [bool; 2],
    pair: Pair,
}

fn check<A: Code8, B: Code8>(case: &Case) {
    let [za, zb] = case.pair.zero_points;
    let (za, zb) = (code(za), code(zb));
    let (a, b) = case.pair.vectors::<A, B>();
    let (a, b) = (a.slice(), b.slice());
    same(
        || reference::cosine(a, za, b, zb).map(f64::to_bits),
        |tier| tier.cosine(a, za, b, zb).map(f64::to_bits),
    );
}

fuzz_target!(|case: Case| by_types!(case.signed, check(&case)));
