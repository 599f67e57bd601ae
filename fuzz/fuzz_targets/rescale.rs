#![no_main]

mod shared;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use shared::{Length, Params, Pattern, Place, Placed, Slip, code, same_output};
use zeropoint::{Code8, reference};

#[derive(Arbitrary, Debug)]
struct Case {
    signed: [bool; 2],
    from: Params,
    to: Params,
    places: [Place; 2],
    slip: Slip,
    len: Length,
    codes: Pattern<u8>,
}

fn check<A: Code8, B: Code8>(case: &Case) {
    let (from, to) = (case.from.get::<A>(), case.to.get::<B>());
    let codes = case.codes.elements(case.len.0, code);
    let codes = Placed::new(&codes, case.places[0]);
    let codes = codes.slice();
    same_output(
        case.slip.of(codes.len()),
        case.places[1],
        |out| reference::rescale(codes, from, to, out),
        |tier, out| tier.rescale(codes, from, to, out),
    );
}

fuzz_target!(|case: Case| by_types!(case.signed, check(&case)));
