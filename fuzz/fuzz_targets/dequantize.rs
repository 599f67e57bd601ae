#![no_main]

mod shared;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use shared::{Length, Params, Pattern, Place, Placed, Slip, code, same_output};
use zeropoint::{Code, reference};

#[derive(Arbitrary, Debug)]
struct Case {
    signed: bool,
    params: Params,
    places: [Place; 2],
    slip: Slip,
    len: Length,
    codes: Pattern<u8>,
}

fn check<Q: Code>(case: &Case) {
    let params = case.params.get::<Q>();
    let codes = case.codes.elements(case.len.0, code);
    let codes = Placed::new(&codes, case.places[0]);
    let codes = codes.slice();
    same_output(
        case.slip.of(codes.len()),
        case.places[1],
        |out| reference::dequantize(codes, params, out),
        |tier, out| tier.dequantize(codes, params, out),
    );
}

fuzz_target!(|case: Case| by_type!(case.signed, check(&case)));
