//! Every call does with the stack of a thread of 96 KiB: some systems give 128 in all.
//!
//! What a call needs is found by trying smaller ones: `ZEROPOINT_STACK_KIB=64 cargo test --release --test
//! stack`. A stack that is too small ends the process.

mod common;

use common::values;
use std::thread;
use zeropoint::calibrate::{ChannelObservers, Histogram, Method, Observer};
use zeropoint::gemm::{Activations, Linear, Scratch, Weights};
use zeropoint::norm::Norm;
use zeropoint::search::{cosine, dot_rows, l2_rows, l2_squared};
use zeropoint::{
    Blocks, Granularity, Multiplier, Multipliers, Params, QuantParams, Scheme, Tier, dequantize,
    dot, fake_quantize, min_max_each, quantize, rescale,
};

/// Runs `call` on a thread with a small stack.
fn on_a_small_stack(call: impl FnOnce() + Send) {
    let kib = std::env::var("ZEROPOINT_STACK_KIB").map_or(96, |kib| kib.parse().unwrap());
    thread::scope(|scope| {
        let builder = thread::Builder::new().stack_size(kib << 10);
        builder.spawn_scoped(scope, call).unwrap().join().unwrap();
    });
}

fn params(n: usize) -> Vec<QuantParams<i8>> {
    (0..n).map(|i| QuantParams::new(0.5 + i as f32, 3).unwrap()).collect()
}

fn codes(n: usize) -> Vec<i8> {
    (0..n).map(|i| (i * 31 % 256) as u8 as i8).collect()
}

#[test]
fn elementwise() {
    let n = 10_000;
    let (x, codes) = (&values(n)[..], &codes(n)[..]);
    for tier in Tier::available() {
        let (mut q, mut y) = (vec![0; n], vec![0.0; n]);
        let one = params(1)[0];
        on_a_small_stack(|| {
            let _ = tier.min_max(x);
            tier.quantize(x, one, &mut q).unwrap();
            tier.dequantize(&q, one, &mut y).unwrap();
            tier.fake_quantize(x, one, &mut y).unwrap();
            tier.rescale(codes, one, QuantParams::<i8>::new(3.0, 1).unwrap(), &mut q).unwrap();
            tier.relu(&mut q, 3);
            let _ = tier.quantize_dynamic(x, Scheme::affine(), &mut q);
            let accumulators: Vec<_> = codes.iter().map(|&q| i32::from(q) << 16).collect();
            for multiplier in [Multiplier::real(0.01), Multiplier::fixed(0.01)] {
                let multiplier = multiplier.unwrap();
                tier.requantize(&accumulators, multiplier, one, &mut q).unwrap();
                let multipliers = [multiplier; 100];
                let multipliers = Multipliers::per_axis(&multipliers, 1);
                tier.requantize(&accumulators, multipliers, one, &mut q).unwrap();
            }
        });
    }
    let (mut q, mut y) = (vec![0; n], vec![0.0; n]);
    for (channels, inner) in [(100, 1), (10, 1000), (25, 20)] {
        let params = &params(channels)[..];
        let scales: &Vec<_> = &params.iter().map(|params| params.scale()).collect();
        on_a_small_stack(|| {
            let granularity = Granularity::Axis { inner };
            min_max_each(x, granularity, &mut vec![None; channels]).unwrap();
            // Parts are put together where they are used.
            let parts = Params::parts(scales, 3, granularity);
            for params in [Params::per_axis(params, inner), parts] {
                quantize(x, params, &mut q).unwrap();
                dequantize(&q, params, &mut y).unwrap();
                fake_quantize(x, params, &mut y).unwrap();
            }
            let to = QuantParams::<i8>::new(3.0, 1).unwrap();
            rescale(codes, params[0], to, &mut q).unwrap();
        });
    }
    let params = &params(n / 50)[..];
    on_a_small_stack(|| {
        let params = Params::per_block(params, Blocks::of_rows(100, 50));
        quantize(x, params, &mut q).unwrap();
    });
}

#[test]
fn sums() {
    let n = 20_000;
    let x: &Vec<_> = &(0..n).map(|i| (i % 1000) as f32 / 100.0 - 3.0).collect();
    let (a, b) = (&codes(n)[..], &codes(2 * n)[n..]);
    let weight = &vec![1.5; 5000][..];
    on_a_small_stack(|| {
        dot(a, 3, b, 4).unwrap();
        cosine(a, 3, b, 4).unwrap();
        l2_squared(a, 3, b, 4).unwrap();
        let mut out = [0; 10];
        dot_rows(&a[..2000], 3, b, 1, &mut out).unwrap();
        l2_rows(&a[..2000], 3, b, 1, &mut out).unwrap();
    });
    for tier in Tier::available() {
        on_a_small_stack(|| {
            let mut y = vec![0.0; n];
            let _ = tier.moments(x);
            tier.fidelity(x, &y).unwrap();
            let _ = tier.quantization_fidelity(x, params(1)[0]);
            let norm = Norm::layer(weight, Some(weight), 1e-5).unwrap();
            tier.normalize_rows(x, norm, &mut y).unwrap();
            let (mut params, mut q) = (params(4), vec![0; n]);
            let scheme = Scheme::affine();
            tier.normalize_quantize_rows(&x[..n], norm, scheme, &mut params, &mut q).unwrap();
        });
    }
}

/// Deep ones, wide ones, and some of few rows.
#[test]
fn products() {
    for [m, k, n] in
        [[4, 64, 64], [64, 768, 768], [40, 4096, 600], [3, 4096, 600], [13, 20_000, 300]]
    {
        let x: Vec<_> = (0..m * k).map(|i| (i % 100) as f32).collect();
        let weights = codes(k * n);
        for tier in Tier::available().filter(|&tier| tier != Tier::SCALAR || m * k * n < 1 << 22) {
            on_a_small_stack(|| {
                let b = Weights::new(&weights, k, n).pack(tier).unwrap();
                let (params, bias) = (params(n), vec![0.5; n]);
                let layer = Linear::new(b.clone(), Params::per_axis(&params, 1)).unwrap();
                let layer = layer.with_bias(&bias).unwrap();
                let (mut scratch, mut y) = (Scratch::new(), vec![0.0; m * n]);
                layer.forward(&x, Activations::SymmetricI8, &mut scratch, &mut y).unwrap();
                layer.forward(&x, Activations::AffineU8, &mut scratch, &mut y).unwrap();
                let input = scratch.quantize(&x, k, Activations::AffineU8).unwrap();
                let (a, ..) = input.parts::<u8>().unwrap();
                b.multiply(a, 3, 4, &mut vec![0; m * n]).unwrap();
                let unpacked = Weights::new(&weights, k, n);
                unpacked.multiply(tier, a, 3, 4, &mut vec![0; m * n]).unwrap();
                let one = params[0];
                for multiplier in [Multiplier::real(0.01), Multiplier::fixed(0.01)] {
                    let (each, bias) = (vec![multiplier.unwrap(); n], vec![7; n]);
                    let multipliers = Multipliers::per_axis(&each, 1).with_bias(&bias);
                    b.requantize(a, 3, 4, multipliers, one, &mut vec![0; m * n]).unwrap();
                }
            });
        }
    }
}

#[test]
fn calibration() {
    let x = &values(50_000)[..];
    for tier in Tier::available() {
        on_a_small_stack(|| {
            let mut histogram = Histogram::new();
            histogram.add_on(tier, x);
            let _ = histogram.bins();
            for method in Method::ALL {
                let mut observer = Observer::new(method).unwrap();
                observer.observe_on(tier, &x[..5000]);
                observer.observe_on(tier, x);
                let _ = observer.range(Scheme::<i8>::affine());
                let _ = observer.range(Scheme::<i8>::symmetric());
            }
            let mut observers = ChannelObservers::new(Method::Entropy, 10).unwrap();
            observers.observe_on(tier, x, 1).unwrap();
        });
    }
}
