#![no_main]

mod shared;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use shared::{Floats, Params, Place, Placed, Slip, same_output};
use zeropoint::{Code, reference};

#[derive(Arbitrary, Debug)]
struct Case {
    signed: bool,
    params: Params,
    places: [Place; 2],
    slip: Slip,
    x: Floats,
}

fn check<Q: Code>(case: &Case) {
    let params = case.params.get::<Q>();
    let x = Placed::new(&case.x.values(params.scale()), case.places[0]);
    let x = x.slice();
    same_output(
        case.slip.of(x.len()),
        case.places[1],
        |out| reference::fake_quantize(x, params, out),
        |tier, out| tier.fake_quantize(x, params, out),
    );
}

fuzz_target!(|case: Case| by_type!(case.signed, check(&case)));
