#![no_main]

mod shared;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use shared::{Length, Pattern, Place, Placed, Slip, code, same_output};
use zeropoint::{Code8, reference};

#[derive(Arbitrary, Debug)]
struct Case {
    signed: [bool; 2],
    table: Pattern<u8>,
    places: [Place; 2],
    slip: Slip,
    len: Length,
    codes: Pattern<u8>,
}

fn check<A: Code8, B: Code8>(case: &Case) {
    let codes = case.codes.elements(case.len.0, code);
    let codes = Placed::new(&codes, case.places[0]);
    let codes: &[A] = codes.slice();
    let table: Vec<B> = case.table.elements(256, code);
    let table: &[B; 256] = table[..].try_into().expect("256 entries");
    same_output(
        case.slip.of(codes.len()),
        case.places[1],
        |out| reference::lut(codes, table, out),
        |tier, out| tier.lut(codes, table, out),
    );
}

fuzz_target!(|case: Case| by_types!(case.signed, check(&case)));
