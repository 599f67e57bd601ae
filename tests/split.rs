//! With the feature `rayon`, large operations are split over threads: the same bits for any number of them, and
//! as the reference has them.
#![cfg(feature = "rayon")]

mod common;

use common::{base_tiers, bits};
use zeropoint::{
    Blocks, Code, Multiplier, Multipliers, Params, QuantParams, Range, Scheme, Tier, lut_table,
    reference,
};

/// Elements, of an odd number of cache lines, with some that are not finite.
fn x(len: usize) -> Vec<f32> {
    let value = |i: usize| match i % 100_003 {
        77 => f32::NAN,
        78 => f32::INFINITY,
        79 => f32::NEG_INFINITY,
        j => (j as f32).sin() * 20.0,
    };
    (0..len).map(value).collect()
}

fn sets<Q: Code>(n: usize, zero_point: Q) -> Vec<QuantParams<Q>> {
    (0..n).map(|i| QuantParams::new(0.05 + i as f32 * 1e-5, zero_point).unwrap()).collect()
}

fn pool(threads: usize) -> rayon::ThreadPool {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap()
}

/// The result of `run`, on one thread as on many.
fn on_threads<T: PartialEq + Send>(what: &str, run: impl Fn() -> T + Sync) -> T {
    let expected = pool(1).install(&run);
    for threads in [2, 3, 7] {
        let found = pool(threads).install(&run);
        // Not printed: there are millions.
        assert!(found == expected, "{what}, {threads} threads");
    }
    expected
}

const LEN: usize = 2_600_017;

#[test]
fn one_set_of_parameters() {
    let x = &x(LEN)[..];
    let params = QuantParams::<u8>::new(0.1, 100).unwrap();
    let wide = QuantParams::<i16>::new(0.001, -5).unwrap();
    let mut codes = vec![0; LEN];
    reference::quantize(x, params, &mut codes).unwrap();
    let mut values = vec![0.0; LEN];
    reference::dequantize(&codes, params, &mut values).unwrap();
    let mut wide_codes = vec![0; LEN];
    reference::quantize(x, wide, &mut wide_codes).unwrap();
    for tier in base_tiers() {
        let found = on_threads("quantize", || {
            let mut out = vec![1; LEN];
            tier.quantize(x, params, &mut out).unwrap();
            out
        });
        assert!(found == codes, "{tier}");
        let found = on_threads("dequantize", || {
            let mut out = vec![1.0; LEN];
            tier.dequantize(&codes, params, &mut out).unwrap();
            bits(&out)
        });
        assert!(found == bits(&values), "{tier}");
        let found = on_threads("fake_quantize", || {
            let mut out = vec![1.0; LEN];
            tier.fake_quantize(x, params, &mut out).unwrap();
            bits(&out)
        });
        assert!(found == bits(&values), "{tier}");
        let found = on_threads("16 bits", || {
            let mut out = vec![1; LEN];
            tier.quantize(x, wide, &mut out).unwrap();
            out
        });
        assert!(found == wide_codes, "{tier}");
        on_threads("rescale", || {
            let to = QuantParams::<i8>::new(0.3, 3).unwrap();
            let mut out = vec![1; LEN];
            tier.rescale(&codes, params, to, &mut out).unwrap();
            out
        });
        let table = lut_table::<u8, u8>(params, params, |x| x * x);
        on_threads("lut", || {
            let mut out = vec![1_u8; LEN];
            tier.lut(&codes, &table, &mut out).unwrap();
            out
        });
        let sums: Vec<i32> = codes.iter().map(|&q| i32::from(q) * 1000 - 90_000).collect();
        for multiplier in [Multiplier::real(0.001), Multiplier::fixed_double_rounding(0.001)] {
            let multiplier = multiplier.unwrap();
            let mut expected = vec![0; LEN];
            reference::requantize(&sums, multiplier, params, &mut expected).unwrap();
            let found = on_threads("requantize", || {
                let mut out = vec![1; LEN];
                tier.requantize(&sums, multiplier, params, &mut out).unwrap();
                out
            });
            assert!(found == expected, "{tier}");
        }
    }
}

#[test]
fn ranges() {
    let mut x = x(LEN);
    for tier in base_tiers() {
        x[LEN - 5] = 1e5;
        x[3] = -1e6;
        let found = on_threads("min_max", || tier.min_max(&x));
        assert_eq!(found, Some(Range::new(f32::NEG_INFINITY, f32::INFINITY)));
        let finite: Vec<_> = x.iter().map(|x| if x.is_infinite() { 0.0 } else { *x }).collect();
        let found = on_threads("min_max", || tier.min_max(&finite));
        assert_eq!(found, Some(Range::new(-1e6, 1e5)));
        // Nothing but NaN in the first part, in the last, in all.
        let mut some = vec![f32::NAN; LEN];
        assert_eq!(on_threads("min_max", || tier.min_max(&some)), None);
        some[LEN - 1] = -0.0;
        let found = on_threads("min_max", || tier.min_max(&some).map(|r| r.min.to_bits()));
        assert_eq!(found, Some(0));
        some.swap(0, LEN - 1);
        assert_eq!(on_threads("min_max", || tier.min_max(&some)), Some(Range::new(0.0, 0.0)));

        let mut codes = vec![0; LEN];
        let scheme = Scheme::<u8>::affine();
        let params = reference::quantize_dynamic(&finite, scheme, &mut codes).unwrap();
        let found = on_threads("quantize_dynamic", || {
            let mut out = vec![1; LEN];
            let params = tier.quantize_dynamic(&finite, scheme, &mut out).unwrap();
            (params, out)
        });
        assert!(found == (params, codes), "{tier}");
    }
}

#[test]
fn parameters_along_an_axis() {
    // Rows and channels, and how many elements each has.
    for (outer, channels, inner) in
        [(10_157, 256, 1), (3, 7, 123_811), (1, 3, 866_671), (40, 64, 1015)]
    {
        let len = outer * channels * inner;
        let x = &x(len)[..];
        let sets = &sets::<u8>(channels, 30)[..];
        let params = Params::per_axis(sets, inner);
        let mut codes = vec![0; len];
        reference::quantize(x, params, &mut codes).unwrap();
        let mut values = vec![0.0; len];
        reference::dequantize(&codes, params, &mut values).unwrap();
        let context = format!("{outer} x {channels} x {inner}");
        for tier in base_tiers() {
            check(tier, x, params, &codes, &values, &context);
            let multipliers: Vec<_> =
                (0..channels).map(|c| Multiplier::real(1e-3 + c as f32 * 1e-6).unwrap()).collect();
            let biases: Vec<_> = (0..channels as i32).map(|c| c * 77 - 500).collect();
            let multipliers = Multipliers::per_axis(&multipliers, inner).with_bias(&biases);
            let sums: Vec<i32> = codes.iter().map(|&q| i32::from(q) * 1000 - 90_000).collect();
            let mut expected = vec![0; len];
            reference::requantize(&sums, multipliers, sets[0], &mut expected).unwrap();
            let found = on_threads("requantize", || {
                let mut out = vec![1; len];
                tier.requantize(&sums, multipliers, sets[0], &mut out).unwrap();
                out
            });
            assert!(found == expected, "{tier}, {context}");
        }
    }
    let shape = [1271, 2048];
    let blocks = Blocks::of_rows(shape[1], 32);
    let len = shape[0] * shape[1];
    let x = &x(len)[..];
    let sets = &sets::<u8>(len / 32, 30)[..];
    let params = Params::per_block(sets, blocks);
    let (mut codes, mut values) = (vec![0; len], vec![0.0; len]);
    reference::quantize(x, params, &mut codes).unwrap();
    reference::dequantize(&codes, params, &mut values).unwrap();
    for tier in base_tiers() {
        check(tier, x, params, &codes, &values, "blocks");
    }
}

fn check(
    tier: Tier,
    x: &[f32],
    params: Params<'_, u8>,
    codes: &[u8],
    values: &[f32],
    context: &str,
) {
    let found = on_threads("quantize", || {
        let mut out = vec![1; x.len()];
        tier.quantize(x, params, &mut out).unwrap();
        out
    });
    assert!(found == codes, "{tier}, {context}");
    let found = on_threads("dequantize", || {
        let mut out = vec![1.0; x.len()];
        tier.dequantize(codes, params, &mut out).unwrap();
        bits(&out)
    });
    assert!(found == bits(values), "{tier}, {context}");
    let found = on_threads("fake_quantize", || {
        let mut out = vec![1.0; x.len()];
        tier.fake_quantize(x, params, &mut out).unwrap();
        bits(&out)
    });
    assert!(found == bits(values), "{tier}, {context}");
}

/// Past the caches, on several threads.
#[test]
fn streamed() {
    let len = (13 << 20) + 7;
    let x = &x(len)[..];
    let params = QuantParams::<u8>::new(0.1, 100).unwrap();
    let sets = &sets::<u8>(13, 30)[..];
    let mut expected = vec![0; len];
    reference::quantize(x, params, &mut expected).unwrap();
    let whole = len / 13 * 13;
    let params_each = Params::per_axis(sets, whole / 13);
    let mut expected_each = vec![0; whole];
    reference::quantize(&x[..whole], params_each, &mut expected_each).unwrap();
    for tier in base_tiers() {
        let mut out = vec![1; len];
        pool(3).install(|| tier.quantize(x, params, &mut out).unwrap());
        assert!(out == expected, "{tier}");
        let mut out = vec![1; whole];
        pool(3).install(|| tier.quantize(&x[..whole], params_each, &mut out).unwrap());
        assert!(out == expected_each, "{tier}");
    }
}
