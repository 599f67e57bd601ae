#![no_main]

mod shared;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use shared::{Floats, Place, Placed, Slip, same, same_output};
use zeropoint::{Code, Error, Fidelity, Norm, QuantParams, Scheme, reference};

#[derive(Arbitrary, Debug)]
struct Case {
    signed: bool,
    symmetric: bool,
    places: [Place; 2],
    slips: [Slip; 3],
    rows: u8,
    centred: bool,
    biased: bool,
    epsilon: f32,
    x: Floats,
}

fn bits(found: Result<Fidelity, Error>) -> Result<[u64; 4], Error> {
    found.map(|of| {
        [
            of.mean_squared_error().to_bits(),
            of.sqnr_db().to_bits(),
            of.cosine_similarity().to_bits(),
            of.max_abs_error().to_bits().into(),
        ]
    })
}

fn check<Q: Code>(case: &Case) {
    let x = Placed::new(&case.x.values(1.0), case.places[0]);
    let x = x.slice();
    let moments =
        |of: Option<zeropoint::Moments>| of.map(|of| [of.mean.to_bits(), of.variance.to_bits()]);
    same(|| moments(reference::moments(x)), |tier| moments(tier.moments(x)));
    let y = vec![0.5; case.slips[0].of(x.len())];
    same(|| bits(reference::fidelity(x, &y)), |tier| bits(tier.fidelity(x, &y)));

    let rows = usize::from(case.rows % 5);
    let row = x.len().checked_div(rows).unwrap_or(0);
    // Numbers that are finite: NaN of others may have any bits.
    let weight: Vec<_> = (0..row).map(|i| i as f32 * 0.5 - 3.0).collect();
    let bias = vec![0.25; case.slips[1].of(row)];
    let bias = case.biased.then_some(&bias[..]);
    let norm = if case.centred {
        Norm::layer(&weight, bias, case.epsilon)
    } else {
        Norm::rms(&weight, bias, case.epsilon)
    };
    let Ok(norm) = norm else { return };
    let len = case.slips[2].of(x.len());
    same_output(
        len,
        case.places[1],
        |out| reference::normalize_rows(x, norm, out),
        |tier, out| tier.normalize_rows(x, norm, out),
    );
    let scheme = if case.symmetric { Scheme::<Q>::symmetric() } else { Scheme::<Q>::affine() };
    let params = vec![QuantParams::default(); rows];
    same_output(
        len,
        case.places[1],
        |out| {
            let mut params = params.clone();
            let done = reference::normalize_quantize_rows(x, norm, scheme, &mut params, out);
            (done, params)
        },
        |tier, out| {
            let mut params = params.clone();
            let done = tier.normalize_quantize_rows(x, norm, scheme, &mut params, out);
            (done, params)
        },
    );
}

fuzz_target!(|case: Case| by_type!(case.signed, check(&case)));
