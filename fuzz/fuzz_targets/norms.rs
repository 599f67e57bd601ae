#![no_main]

mod shared;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use shared::{Apart, Floats, Place, Placed, Slip, same, same_output, same_rows};
use zeropoint::measure::{Fidelity, Moments};
use zeropoint::norm::Norm;
use zeropoint::{Code8, Error, QuantParams, Scheme, reference};

#[derive(Arbitrary, Debug)]
struct Case {
    signed: bool,
    symmetric: bool,
    places: [Place; 2],
    slips: [Slip; 3],
    /// Rows of `x` and of the output.
    apart: Option<[(Apart, Slip); 2]>,
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

fn check<Q: Code8>(case: &Case) {
    let x = Placed::new(&case.x.values(1.0), case.places[0]);
    let x = x.slice();
    let moments = |of: Option<Moments>| of.map(|of| [of.mean.to_bits(), of.variance.to_bits()]);
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

    let Some([(x_apart, x_slip), (out_apart, out_slip)]) = case.apart else { return };
    let said = x_slip.of(rows);
    // As many rows as there are said to be; what is not there is as good as anything.
    let mut whole = x.to_vec();
    whole.resize(said * row, 0.5);
    let x = x_apart.matrix(&whole, row, said, case.places[0]);
    same_rows(
        ("out", [said, row]),
        (out_apart, out_slip.of(said), case.places[1]),
        |fits, out| {
            x.check("x", [said, row])?;
            fits?;
            // Rows of nothing can't be counted.
            if row > 0 { reference::normalize_rows(&whole, norm, out) } else { Ok(()) }
        },
        |tier, out| tier.normalize_rows(x.rows(), norm, out),
    );
    let whole = &whole[..said.min(rows) * row];
    same_rows(
        ("out", [rows, row]),
        (out_apart, out_slip.of(rows), case.places[1]),
        |fits, out| {
            let mut params = params.clone();
            let done = x.check("x", [rows, row]).and(fits).and_then(|()| {
                reference::normalize_quantize_rows(whole, norm, scheme, &mut params, out)
            });
            (done, params)
        },
        |tier, out| {
            let mut params = params.clone();
            let done = tier.normalize_quantize_rows(x.rows(), norm, scheme, &mut params, out);
            (done, params)
        },
    );
}

fuzz_target!(|case: Case| by_type!(case.signed, check(&case)));
