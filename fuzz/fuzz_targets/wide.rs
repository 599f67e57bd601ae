//! Codes of 16 bits: quantization, dequantization, fake quantization, requantization, by one set of parameters
//! or by one for each channel.
#![no_main]

mod accumulators;
mod shared;

use accumulators::{Accumulator, Factor};
use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use shared::{Floats, Length, Pattern, Place, Placed, Slip, same_output};
use zeropoint::{Code, Granularity, Params, QuantParams, reference};

#[derive(Arbitrary, Debug)]
struct Case {
    signed: bool,
    by_channel: bool,
    inner: u8,
    scales: [f32; 3],
    zero_points: [i32; 3],
    bounds: [i32; 2],
    places: [Place; 2],
    slip: Slip,
    x: Floats,
    len: Length,
    accumulators: Pattern<Accumulator>,
    multiplier: Factor,
}

fn check<Q: Code>(case: &Case) {
    let zero_points = case.zero_points.map(Q::from_i32);
    let granularity = if case.by_channel {
        Granularity::Axis { inner: case.inner.into() }
    } else {
        Granularity::Tensor
    };
    let sets = if case.by_channel { 3 } else { 1 };
    let params = Params::parts(&case.scales[..sets], &zero_points[..sets], granularity);
    let x = Placed::new(&case.x.values(case.scales[0]), case.places[0]);
    let x = x.slice();
    let len = case.slip.of(x.len());
    same_output(
        len,
        case.places[1],
        |out| reference::quantize(x, params, out).map_err(|error| error.to_string()),
        |tier, out| tier.quantize(x, params, out).map_err(|error| error.to_string()),
    );
    same_output(
        len,
        case.places[1],
        |out| reference::fake_quantize(x, params, out).map_err(|error| error.to_string()),
        |tier, out| tier.fake_quantize(x, params, out).map_err(|error| error.to_string()),
    );
    // Of either sign, and beyond all codes.
    let codes: Vec<Q> = x.iter().map(|x| Q::from_i32(x.to_bits() as i32 >> 14)).collect();
    let codes = Placed::new(&codes, case.places[1]);
    let codes = codes.slice();
    same_output(
        len,
        case.places[0],
        |out| reference::dequantize(codes, params, out).map_err(|error| error.to_string()),
        |tier, out| tier.dequantize(codes, params, out).map_err(|error| error.to_string()),
    );

    let [lo, hi] = case.bounds.map(Q::from_i32);
    let params =
        QuantParams::new(1.0, zero_points[0]).and_then(|params| params.with_codes(lo..=hi));
    if let Ok(params) = params {
        let x = case.accumulators.elements(case.len.0, Accumulator::get);
        let x = Placed::new(&x, case.places[0]);
        let (x, multiplier) = (x.slice(), case.multiplier.get());
        same_output(
            case.slip.of(x.len()),
            case.places[1],
            |out| reference::requantize(x, multiplier, params, out),
            |tier, out| tier.requantize(x, multiplier, params, out),
        );
    }
}

fuzz_target!(|case: Case| if case.signed {
    check::<i16>(&case);
} else {
    check::<u16>(&case);
});
