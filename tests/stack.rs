//! Every call does with the stack of a thread of 96 KiB: some systems give 128 in all.
//!
//! What a call needs is found by trying smaller ones: `ZEROPOINT_STACK_KIB=64 cargo test --release --test
//! stack`. A stack that is too small ends the process.

mod common;

use common::values;
use std::thread;
use zeropoint::calibrate::{ChannelObservers, Histogram, Method, Observer};
use zeropoint::{
    Blocks, Multiplier, Norm, QuantParams, Scheme, Tier, Weights, cosine, dequantize_channels, dot,
    dot_rows, fake_quantize_channels, l2_rows, l2_squared, min_max_channels, quantize_blocks,
    quantize_channels, rescale,
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
                tier.requantize_channels(&accumulators, &multipliers, None, 1, one, &mut q)
                    .unwrap();
            }
        });
    }
    let (mut q, mut y) = (vec![0; n], vec![0.0; n]);
    for (channels, inner) in [(100, 1), (10, 1000), (25, 20)] {
        let params = &params(channels)[..];
        on_a_small_stack(|| {
            min_max_channels(x, inner, &mut vec![None; channels]).unwrap();
            quantize_channels(x, params, inner, &mut q).unwrap();
            dequantize_channels(&q, params, inner, &mut y).unwrap();
            fake_quantize_channels(x, params, inner, &mut y).unwrap();
            let to = QuantParams::<i8>::new(3.0, 1).unwrap();
            rescale(codes, params[0], to, &mut q).unwrap();
        });
    }
    let params = &params(n / 50)[..];
    on_a_small_stack(|| quantize_blocks(x, params, Blocks::of_rows(100, 50), &mut q).unwrap());
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
                let (mut params_a, mut a) = (vec![QuantParams::<u8>::default(); m], vec![0; m * k]);
                let (params, bias) = (params(n), vec![0.5; n]);
                let mut y = vec![0.0; m * n];
                tier.linear(
                    &x,
                    Scheme::affine(),
                    &mut params_a,
                    &mut a,
                    &b,
                    &params,
                    Some(&bias),
                    &mut y,
                )
                .unwrap();
                tier.matmul(&a, 3, &b, 4, &mut vec![0; m * n]).unwrap();
                let one = params[0];
                for multiplier in [Multiplier::real(0.01), Multiplier::fixed(0.01)] {
                    let (each, bias) = (vec![multiplier.unwrap(); n], vec![7; n]);
                    let mut q = vec![0; m * n];
                    tier.matmul_requantize(&a, 3, &b, 4, &each, Some(&bias), one, &mut q).unwrap();
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
