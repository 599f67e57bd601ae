//! What is made of sums of f32, histograms, and norms of rows.

use super::bare::{Bare, READ_4, READ_4_WRITE_1, READ_4_WRITE_4};
use super::buffers::{floats, zeros};
use super::{Call, Operation};
use std::hint::black_box;
use zeropoint::calibrate::Histogram;
use zeropoint::norm::Norm;
use zeropoint::{QuantParams, Scheme, Tier};

/// The length of a row, as transformers have it. Sizes are multiples of it.
pub(crate) const ROW: usize = 768;

pub(crate) const OPERATIONS: &[Operation] = &[
    operation("moments", READ_4, |len| {
        let x = floats(len);
        Box::new(move |tier| {
            black_box(tier.moments(black_box(&x)));
        })
    }),
    operation("quantization_fidelity u8", READ_4, |len| {
        let x = floats(len);
        let params = QuantParams::<u8>::new(0.02, 60).expect("a usable scale");
        Box::new(move |tier| {
            black_box(tier.quantization_fidelity(black_box(&x), params));
        })
    }),
    operation("histogram", READ_4, |len| {
        let (x, mut histogram) = (floats(len), Histogram::new());
        Box::new(move |tier| histogram.add_on(tier, black_box(&x)))
    }),
    operation("normalize_rows layer", READ_4_WRITE_4, |len| {
        let (x, mut out) = (floats(len), zeros(len));
        layer(move |tier, norm| tier.normalize_rows(&x[..], norm, &mut out[..]).expect(SHAPES))
    }),
    operation("normalize_quantize_rows layer u8", READ_4_WRITE_1, |len| {
        let (x, mut codes) = (floats(len), zeros(len));
        let mut params = vec![QuantParams::<u8>::default(); len / ROW];
        layer(move |tier, norm| {
            let (x, codes) = (&x[..], &mut codes[..]);
            tier.normalize_quantize_rows(x, norm, Scheme::affine(), &mut params, codes)
                .expect(SHAPES);
        })
    }),
];

const SHAPES: &str = "whole rows";

const fn operation(name: &'static str, bare: Bare, setup: fn(usize) -> Call) -> Operation {
    Operation { name, bare, setup }
}

/// A call with a layer norm.
fn layer(mut call: impl FnMut(Tier, Norm<'_>) + 'static) -> Call {
    let (weight, bias) = (floats(ROW), floats(ROW));
    Box::new(move |tier| {
        let norm = Norm::layer(&weight, Some(&bias), 1e-5).expect("as many biases");
        call(tier, norm);
    })
}
