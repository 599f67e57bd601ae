//! Linear layers: the output for activations as they come, and for those that were quantized before,
//! with the codes and parameters of these.
#![no_main]

mod shared;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use shared::{Apart, Float, Params, Pattern, Place, Placed, Slip, code, same_output, same_rows};
use zeropoint::gemm::{Activations, Input, Linear, Scratch, Weights};
use zeropoint::{Code8, Error, QuantParams, Scheme, Tier, reference};

#[derive(Arbitrary, Debug)]
struct Case {
    signed: [bool; 2],
    shape: [u8; 3],
    /// Of `x`, the parameters of the weights, the biases, the output and a row that is quantized before.
    slips: [Slip; 5],
    is_one: bool,
    is_biased: bool,
    /// A row with an infinity or a NaN becomes NaN.
    is_finite: bool,
    /// A buffer of the caller's, and whether it is long enough.
    buffer: Option<(Place, Slip)>,
    /// Rows of `x` and of the output.
    apart: Option<([Apart; 2], Slip)>,
    places: [Place; 2],
    x: Pattern<Float>,
    weights: Pattern<u8>,
    params: Pattern<Params>,
    bias: Pattern<Float>,
}

/// `Ok` if a slice is `rows` rows of `row` elements.
fn is_of(argument: &'static str, elements: usize, [rows, row]: [usize; 2]) -> Result<(), Error> {
    if elements == rows * row {
        Ok(())
    } else {
        Err(Error::Rows { argument, elements, rows, row, stride: row })
    }
}

impl Case {
    fn x(&self, len: usize) -> Vec<f32> {
        self.x.elements(len, |x| {
            let x = x.value(0.01);
            if self.is_finite && !x.is_finite() { 1.0 } else { x }
        })
    }

    /// Memory for so many rows.
    fn buffer(&self, m: usize, k: usize) -> Option<Placed<u8>> {
        let (place, slip) = self.buffer?;
        Some(Placed::new(&vec![0x5a; slip.of(Scratch::bytes(m, k))], place))
    }

    /// `Ok` if that memory is enough.
    fn fits(&self, m: usize, k: usize) -> Result<(), Error> {
        let needed = Scratch::bytes(m, k);
        match self.buffer {
            Some((_, slip)) if slip.of(needed) < needed => {
                Err(Error::Buffer { bytes: slip.of(needed), needed })
            }
            _ => Ok(()),
        }
    }

    /// What `run` makes of a scratch for so many rows. One that grows has been used before.
    fn with_scratch<R>(&self, m: usize, k: usize, run: impl FnOnce(&mut Scratch<'_>) -> R) -> R {
        match self.buffer(m, k) {
            Some(mut buffer) => run(&mut Scratch::over(buffer.slice_mut())),
            None => {
                let mut scratch = Scratch::new();
                scratch.quantize(&[-1.0, 1.0, 7.0, 0.5], 2, Activations::SymmetricI8).unwrap();
                run(&mut scratch)
            }
        }
    }
}

/// Quantizes rows of `k` elements, compares codes and parameters, and runs `then` on them.
fn check_input<A: Code8>(
    case: &Case,
    x: &[f32],
    k: usize,
    by: Activations,
    then: impl FnOnce(Input<'_>),
) {
    let m = x.len().div_ceil(k.max(1)) * usize::from(k > 0);
    let expected = is_of("x", x.len(), [m, k]).and(case.fits(m, k));
    case.with_scratch(m, k, |scratch| {
        let input = match scratch.quantize(x, k, by) {
            Ok(input) => input,
            Err(error) => return assert_eq!(Err(error), expected),
        };
        assert_eq!(Ok(()), expected);
        assert_eq!((input.m(), input.k()), (m, k));
        assert_ne!(input.parts::<u8>().is_some(), input.parts::<i8>().is_some());
        let (codes, scales, zero_points) = input.parts::<A>().unwrap();
        let scheme = match by {
            Activations::SymmetricI8 => Scheme::symmetric(),
            _ => Scheme::affine(),
        };
        let (mut params, mut whole) = (vec![QuantParams::default(); m], vec![code::<A>(0); m * k]);
        reference::quantize_dynamic_rows(x, k, scheme.of_finite(), &mut params, &mut whole)
            .unwrap();
        assert_eq!(codes, whole);
        for (r, params) in params.iter().enumerate() {
            let is_finite = x[r * k..][..k].iter().all(|x| x.is_finite());
            let scale = if is_finite { params.scale() } else { f32::NAN };
            assert_eq!(scales[r].to_bits(), scale.to_bits());
            assert_eq!(zero_points[r], params.zero_point());
        }
        then(input);
    });
}

fn check<A: Code8, B: Code8>(case: &Case) {
    let [m, k, n] = case.shape.map(usize::from);
    // Up to some tiles, chunks and panels.
    let (m, k, n) = (m % 32, k % 150, n % 80 + 1);
    let [x_slip, params_slip, bias_slip, out_slip, row_slip] = case.slips;
    let by = if case.signed[0] { Activations::SymmetricI8 } else { Activations::AffineU8 };
    let b = case.weights.elements(k * n, code::<B>);
    let each = case.params.elements(params_slip.of(n), Params::get::<B>);
    let params_b = match each.first() {
        Some(&first) if case.is_one => first.into(),
        _ => zeropoint::Params::per_axis(&each, 1),
    };
    let is_one = case.is_one && !each.is_empty();
    let bias = case.bias.elements(bias_slip.of(n), |x| x.value(1.0));
    let of = "columns of `b`";
    let length = |argument, len| Error::Length { argument, len, of, there: n };
    let new = |tier| {
        let b = Weights::new(&b, k, n).pack(tier).unwrap();
        let layer = Linear::new(b, params_b)?;
        if case.is_biased { layer.with_bias(&bias) } else { Ok(layer) }
    };
    if !is_one && each.len() != n {
        let error = length("params_b", each.len());
        Tier::available().for_each(|tier| assert_eq!(new(tier).err(), Some(error)));
        return;
    }
    if case.is_biased && bias.len() != n {
        let error = length("bias", bias.len());
        Tier::available().for_each(|tier| assert_eq!(new(tier).err(), Some(error)));
        return;
    }
    let layers: Vec<_> = Tier::available().map(|tier| new(tier).unwrap()).collect();
    let on = |tier: Tier| layers.iter().find(|layer| layer.tier() == tier).unwrap();
    assert!(layers.iter().all(|layer| (layer.k(), layer.n()) == (k, n)));
    let bias = case.is_biased.then_some(&bias[..]);

    let x = case.x(x_slip.of(m * k));
    let x = Placed::new(&x, case.places[0]);
    let x = x.slice();
    let len = out_slip.of(m * n);
    // As many rows as `x` has; if they are rows of nothing, as the output has.
    let rows = if k > 0 { x.len().div_ceil(k) } else { len.div_ceil(n) };
    same_output::<f32, _>(
        len,
        case.places[1],
        |out| {
            is_of("x", x.len(), [rows, k])?;
            is_of("y", len, [rows, n])?;
            case.fits(rows, k)?;
            reference::linear(x, by, &b, params_b, [rows, k, n], bias, out)
        },
        |tier, out| case.with_scratch(rows, k, |s| on(tier).forward(x, by, s, out)),
    );
    check_input::<A>(case, x, row_slip.of(k), by, |input| {
        let m = input.m();
        if input.k() != k {
            let (len, of) = (input.k(), "rows of `b`");
            let error = Error::Length { argument: "input", len, of, there: k };
            let apply = |layer: &Linear<'_>| layer.apply(input, &mut vec![0.0; m * n]);
            layers.iter().for_each(|layer| assert_eq!(apply(layer), Err(error)));
        } else {
            same_output::<f32, _>(
                len,
                case.places[1],
                |out| reference::linear(x, by, &b, params_b, [m, k, n], bias, out),
                |tier, out| on(tier).apply(input, out),
            );
        }
    });

    let Some(([x_apart, out_apart], out_said)) = case.apart else { return };
    let whole = case.x(m * k);
    let x = x_apart.matrix(&whole, k, m, case.places[0]);
    same_rows::<f32, _>(
        ("y", [m, n]),
        (out_apart, out_said.of(m), case.places[1]),
        |fits, out| {
            x.check("x", [m, k])?;
            fits?;
            case.fits(m, k)?;
            reference::linear(&whole, by, &b, params_b, [m, k, n], bias, out)
        },
        |tier, out| case.with_scratch(m, k, |s| on(tier).forward(x.rows(), by, s, out)),
    );
}

fuzz_target!(|case: Case| by_types!(case.signed, check(&case)));
