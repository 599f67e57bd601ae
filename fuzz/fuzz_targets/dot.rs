//! Dot products, without and with the sums, and the sums themselves.
#![no_main]

mod shared;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use shared::{Pair, code, same};
use zeropoint::{Code8, reference};

#[derive(Arbitrary, Debug)]
struct Case {
    signed: [bool; 2],
    /// Sums that are not those of the vectors.
    wrong_sums: Option<[i64; 2]>,
    pair: Pair,
}

fn check<A: Code8, B: Code8>(case: &Case) {
    let [za, zb] = case.pair.zero_points;
    let (za, zb) = (code(za), code(zb));
    let (a, b) = case.pair.vectors::<A, B>();
    let (a, b) = (a.slice(), b.slice());
    same(|| reference::dot(a, za, b, zb), |tier| tier.dot(a, za, b, zb));
    same(|| [reference::sum(a), reference::sum(b)], |tier| [tier.sum(a), tier.sum(b)]);
    let sums = [reference::sum(a), reference::sum(b)];
    let [sum_a, sum_b] = case.wrong_sums.unwrap_or(sums);
    same(
        || reference::dot_with_sums(a, za, sum_a, b, zb, sum_b),
        |tier| tier.dot_with_sums(a, za, sum_a, b, zb, sum_b),
    );
}

fuzz_target!(|case: Case| by_types!(case.signed, check(&case)));
