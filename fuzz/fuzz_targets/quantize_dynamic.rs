//! Of a tensor, and of each of its rows.
#![no_main]

mod shared;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use shared::{Apart, Floats, Place, Placed, Slip, code, same_output, same_rows};
use zeropoint::{Code8, QuantParams, Scheme, reference};

#[derive(Arbitrary, Debug)]
struct Case {
    signed: bool,
    is_symmetric: bool,
    codes: Option<[u8; 2]>,
    /// Infinities, which no range can have, left out.
    is_finite: bool,
    of_finite: bool,
    rows: u8,
    places: [Place; 2],
    slips: [Slip; 2],
    /// Rows of `x` and of the codes.
    apart: Option<[(Apart, Slip); 2]>,
    x: Floats,
}

fn check<Q: Code8>(case: &Case) {
    let all = if case.is_symmetric { Scheme::<Q>::symmetric() } else { Scheme::<Q>::affine() };
    let with_codes = case.codes.and_then(|codes| {
        let [lo, hi] = codes.map(code);
        all.with_codes(lo..=hi).ok()
    });
    let mut scheme = with_codes.unwrap_or(all);
    if case.of_finite {
        scheme = scheme.of_finite();
    }
    let mut x = case.x.values(0.01);
    if case.is_finite {
        x.retain(|x| !x.is_infinite());
    }
    let x = Placed::new(&x, case.places[0]);
    let x = x.slice();
    same_output(
        case.slips[0].of(x.len()),
        case.places[1],
        |out| reference::quantize_dynamic(x, scheme, out),
        |tier, out| tier.quantize_dynamic(x, scheme, out),
    );

    let rows = usize::from(case.rows % 9);
    let row = x.len().checked_div(rows).unwrap_or(0);
    let x = &x[..row * rows];
    let params = vec![QuantParams::default(); case.slips[1].of(rows)];
    same_output(
        case.slips[0].of(x.len()),
        case.places[1],
        |out| {
            let mut params = params.clone();
            let result = reference::quantize_dynamic_rows(x, row, scheme, &mut params, out);
            (result, params)
        },
        |tier, out| {
            let mut params = params.clone();
            let result = tier.quantize_dynamic_rows(x, row, scheme, &mut params, out);
            (result, params)
        },
    );

    let Some([(x_apart, x_slip), (out_apart, out_slip)]) = case.apart else { return };
    // As many as there are parameters; what is not there is as good as anything.
    let rows = params.len();
    let mut whole = x.to_vec();
    whole.resize(rows * row, 0.5);
    let x = x_apart.matrix(&whole, row, x_slip.of(rows), case.places[0]);
    same_rows(
        ("out", [rows, row]),
        (out_apart, out_slip.of(rows), case.places[1]),
        |fits, out| {
            let mut params = params.clone();
            let result = x.check("x", [rows, row]).and(fits).and_then(|()| {
                reference::quantize_dynamic_rows(&whole, row, scheme, &mut params, out)
            });
            (result, params)
        },
        |tier, out| {
            let mut params = params.clone();
            let result = tier.quantize_dynamic_rows(x.rows(), row, scheme, &mut params, out);
            (result, params)
        },
    );
}

fuzz_target!(|case: Case| by_type!(case.signed, check(&case)));
