//! Every operation on every tier equals the reference, bit for bit.

#[path = "common/mod.rs"]
mod common;

use common::{
    Apart, Guarded, NOT_THREE_ROWS_OF_FIVE, base_tiers as tiers, bits, code,
    not_three_rows_of_five, strides, values,
};
use proptest::prelude::*;
use zeropoint::{
    Code8, Error, Multiplier, QuantParams, Range, Rows, RowsMut, Scheme, Tier, reference,
};

/// Longer than four of the longest quads and a group: 0..=257, and around multiples of 256.
fn lengths() -> impl Iterator<Item = usize> {
    (0..=257).chain([319, 320, 321, 511, 512, 513, 575, 767, 768, 1023, 1024, 1025, 1087])
}

fn check_quantize<Q: Code8>(
    tier: Tier,
    x: &[f32],
    params: QuantParams<Q>,
    offsets: [usize; 2],
) -> Vec<Q> {
    let mut expected = vec![Q::MIN; x.len()];
    reference::quantize(x, params, &mut expected).unwrap();
    let x = Guarded::of(x, offsets[0], f32::NAN);
    let mut out = Guarded::new(x.slice().len(), offsets[1], Q::MAX);
    tier.quantize(x.slice(), params, out.slice_mut()).unwrap();
    let context = || format!("{tier}, {params:?}, offsets {offsets:?}, {:?}", x.slice());
    assert_eq!(out.checked(), expected, "{}", context());
    expected
}

fn check_dequantize<Q: Code8>(
    tier: Tier,
    codes: &[Q],
    params: QuantParams<Q>,
    offsets: [usize; 2],
) -> Vec<f32> {
    let mut expected = vec![0.0; codes.len()];
    reference::dequantize(codes, params, &mut expected).unwrap();
    let codes = Guarded::of(codes, offsets[0], Q::MAX);
    let mut out = Guarded::new(expected.len(), offsets[1], 1.0);
    tier.dequantize(codes.slice(), params, out.slice_mut()).unwrap();
    let context = || format!("{tier}, {params:?}, offsets {offsets:?}");
    assert_eq!(bits(out.checked()), bits(&expected), "{}", context());
    expected
}

fn check_fake_quantize<Q: Code8>(
    tier: Tier,
    x: &[f32],
    params: QuantParams<Q>,
    expected: &[f32],
    offsets: [usize; 2],
) {
    let x = Guarded::of(x, offsets[0], f32::NAN);
    let mut out = Guarded::new(expected.len(), offsets[1], 1.0);
    tier.fake_quantize(x.slice(), params, out.slice_mut()).unwrap();
    let context = || format!("{tier}, {params:?}, offsets {offsets:?}, {:?}", x.slice());
    assert_eq!(bits(out.checked()), bits(expected), "{}", context());
}

fn check_min_max(tier: Tier, x: &[f32], offset: usize) {
    let ends = |range: Option<Range>| range.map(|r| (r.min.to_bits(), r.max.to_bits()));
    let x = Guarded::of(x, offset, f32::NEG_INFINITY);
    let expected = ends(reference::min_max(x.slice()));
    let found = ends(tier.min_max(x.slice()));
    assert_eq!(found, expected, "{tier}, offset {offset}, {:?}", x.slice());
}

fn check_relu<Q: Code8>(tier: Tier, codes: &[Q], zero_point: Q, offset: usize) {
    let mut expected = codes.to_vec();
    reference::relu(&mut expected, zero_point);
    let mut codes = Guarded::of(codes, offset, Q::MIN);
    tier.relu(codes.slice_mut(), zero_point);
    assert_eq!(codes.checked(), expected, "{tier}, {zero_point}, offset {offset}");
    // Another clamp of the same codes, with bounds on both sides.
    let bounds = Q::MIN.max(code(200))..=zero_point.max(code(200));
    reference::clamp(&mut expected, bounds.clone()).unwrap();
    tier.clamp(codes.slice_mut(), bounds).unwrap();
    assert_eq!(codes.checked(), expected, "{tier}, offset {offset}");
}

fn check_dynamic<Q: Code8>(tier: Tier, x: &[f32], scheme: Scheme<Q>) {
    let (mut expected, mut out) = (vec![Q::MIN; x.len()], vec![Q::MIN; x.len()]);
    let params = reference::quantize_dynamic(x, scheme, &mut expected);
    let found = tier.quantize_dynamic(x, scheme, &mut out);
    assert_eq!(found, params, "{tier}, {scheme:?}, {x:?}");
    assert_eq!(out, expected, "{tier}, {scheme:?}, {x:?}");
}

fn check_requantize<Q: Code8>(
    tier: Tier,
    accumulators: &[i32],
    multiplier: Multiplier,
    params: QuantParams<Q>,
    offsets: [usize; 2],
) {
    let mut expected = vec![Q::MIN; accumulators.len()];
    reference::requantize(accumulators, multiplier, params, &mut expected).unwrap();
    let accumulators = Guarded::of(accumulators, offsets[0], i32::MIN);
    let mut out = Guarded::new(expected.len(), offsets[1], Q::MAX);
    let input = accumulators.slice();
    tier.requantize(input, multiplier, params, out.slice_mut()).unwrap();
    let context = || format!("{tier}, {multiplier:?}, {params:?}, offsets {offsets:?}");
    assert_eq!(out.checked(), expected, "{}, {input:?}", context());
}

fn check_lut<A: Code8, B: Code8>(tier: Tier, codes: &[A], table: &[B; 256], offsets: [usize; 2]) {
    let mut expected = vec![B::MIN; codes.len()];
    reference::lut(codes, table, &mut expected).unwrap();
    let codes = Guarded::of(codes, offsets[0], A::MAX);
    let mut out = Guarded::new(expected.len(), offsets[1], B::MAX);
    tier.lut(codes.slice(), table, out.slice_mut()).unwrap();
    assert_eq!(out.checked(), expected, "{tier}, {table:?}, offsets {offsets:?}");
}

fn check_rescale<A: Code8, B: Code8>(
    tier: Tier,
    codes: &[A],
    from: QuantParams<A>,
    to: QuantParams<B>,
    offsets: [usize; 2],
) {
    let mut expected = vec![B::MIN; codes.len()];
    reference::rescale(codes, from, to, &mut expected).unwrap();
    let codes = Guarded::of(codes, offsets[0], A::MAX);
    let mut out = Guarded::new(expected.len(), offsets[1], B::MAX);
    tier.rescale(codes.slice(), from, to, out.slice_mut()).unwrap();
    let context = || format!("{tier}, {from:?} to {to:?}, offsets {offsets:?}");
    assert_eq!(out.checked(), expected, "{}", context());
}

/// Multipliers that take each way through the requantize kernel, and the ends of their range.
fn multipliers() -> Vec<Multiplier> {
    let over = 1_f32.next_up();
    let real = [0.0, 1e-40, 1e-9, 0.0123, 0.99, 0.5, 1.0, over, 1.5, 1e6, f32::MAX];
    let fixed = [0.0, 2e-10, 1e-9, 0.0123, 0.25, 0.5, 0.75, 0.99999, 1.0, 1.5, 3.7, 1e6, 1.07e9];
    let parts = [
        (0, 0),
        (1, -31),
        (1, 30),
        (i32::MAX, -31),
        (i32::MAX, 0),
        (i32::MAX, 30),
        // Just over 1: only of the largest accumulators is the product too large.
        ((1 << 30) + 1, 1),
        ((1 << 30) + 99, 1),
    ];
    let real = real.map(|m| Multiplier::real(m).unwrap());
    let fixed = fixed.map(|m| Multiplier::fixed(m).unwrap());
    let parts = parts.map(|(m, exponent)| Multiplier::from_fixed(m, exponent).unwrap());
    [&real[..], &fixed, &parts].concat()
}

/// Accumulators of all sizes, ends included.
fn accumulators(n: usize) -> Vec<i32> {
    const ENDS: [i32; 6] = [i32::MIN, i32::MAX, i32::MIN + 1, 0, -1, 16_777_217];
    (0..n)
        .map(|i| match i % 13 {
            5 => ENDS[i / 13 % ENDS.len()],
            _ => (i as i32).wrapping_mul(-1_640_531_527) >> (i % 29),
        })
        .collect()
}

/// All of it, for one `x` and one set of parameters.
fn check_all<Q: Code8>(tier: Tier, x: &[f32], params: QuantParams<Q>, offsets: [usize; 2]) {
    let codes = check_quantize(tier, x, params, offsets);
    let y = check_dequantize(tier, &codes, params, offsets);
    check_fake_quantize(tier, x, params, &y, offsets);
    check_relu(tier, &codes, params.zero_point(), offsets[0]);
}

/// Parameters that take each way through the quantize kernel: symmetric, affine, restricted
/// codes, a scale that needs division.
fn params_of_each_kind<Q: Code8>() -> [QuantParams<Q>; 4] {
    let restricted = QuantParams::new(1.5, code(100)).unwrap();
    [
        QuantParams::new(0.75, code(0)).unwrap(),
        QuantParams::new(1.75, code(37)).unwrap(),
        restricted.with_codes(code(99)..=code(126)).unwrap(),
        QuantParams::new(1e30, code(3)).unwrap(),
    ]
}

#[test]
fn every_length() {
    for tier in tiers() {
        for n in lengths() {
            let x = values(n);
            check_min_max(tier, &x, 0);
            for params in params_of_each_kind::<u8>() {
                check_all(tier, &x, params, [0, 0]);
            }
            for params in params_of_each_kind::<i8>() {
                check_all(tier, &x, params, [0, 0]);
            }
        }
    }
}

/// Also on those that run the code of another.
#[test]
fn every_tier() {
    let x = values(300);
    let accumulators = accumulators(300);
    let [symmetric, affine, ..] = params_of_each_kind::<u8>();
    for tier in Tier::available() {
        check_min_max(tier, &x, 0);
        check_all(tier, &x, affine, [0, 0]);
        check_dynamic(tier, &x[100..150], Scheme::<i8>::symmetric());
        for multiplier in multipliers() {
            check_requantize(tier, &accumulators, multiplier, affine, [0, 0]);
        }
        check_rescale(tier, &[7; 2000], symmetric, affine, [0, 0]);
    }
}

#[test]
fn requantize_every_length() {
    for tier in tiers() {
        for multiplier in multipliers() {
            for n in lengths() {
                let params = params_of_each_kind::<i8>()[n % 4];
                check_requantize(tier, &accumulators(n), multiplier, params, [n % 5, n % 7]);
                let params = params_of_each_kind::<u8>()[n % 4];
                check_requantize(tier, &accumulators(n), multiplier, params, [n % 7, n % 5]);
            }
        }
    }
}

#[test]
fn lut_every_length() {
    let codes: Vec<u8> = (0..5000).map(|i| (i * 31 + i / 256) as u8).collect();
    let signed: Vec<i8> = codes.iter().map(|&q| code(q)).collect();
    let table: [u8; 256] = core::array::from_fn(|i| (i * i / 7 + 5) as u8);
    let signed_table: [i8; 256] = table.map(code);
    for tier in tiers() {
        for n in lengths().chain([5000]) {
            let offsets = [n % 5, n % 7];
            check_lut(tier, &codes[..n], &table, offsets);
            check_lut(tier, &signed[..n], &table, offsets);
            check_lut(tier, &codes[..n], &signed_table, offsets);
            check_lut(tier, &signed[..n], &signed_table, offsets);
        }
    }
}

/// Each entry is that of one code alone.
#[test]
fn every_entry_of_a_table() {
    let codes: Vec<u8> = (0..=255).chain((0..=255).rev()).collect();
    for tier in tiers() {
        for i in 0..256 {
            for entry in [1_u8, 255] {
                let mut table = [!entry; 256_usize];
                table[i] = entry;
                check_lut(tier, &codes, &table, [0, 0]);
            }
        }
    }
}

#[test]
fn tables_are_those_of_functions() {
    for from in params_of_each_kind::<i8>() {
        for to in params_of_each_kind::<u8>() {
            let functions: [fn(f32) -> f32; 4] =
                [|x| x, |x| x * x - 1.0, |x| if x < 0.0 { f32::NAN } else { 1.0 / x }, f32::sin];
            for f in functions {
                let table = zeropoint::lut_table(from, to, f);
                for q in i8::MIN..=i8::MAX {
                    let (mut value, mut expected) = ([0.0], [0]);
                    reference::dequantize(&[q], from, &mut value).unwrap();
                    reference::quantize(&value.map(f), to, &mut expected).unwrap();
                    assert_eq!(table[usize::from(q as u8)], expected[0], "{from:?}, {to:?}, {q}");
                }
            }
        }
    }
}

#[test]
fn rescale_every_length() {
    fn check<A: Code8, B: Code8>(tier: Tier) {
        for n in lengths().chain([1023, 1024, 1025, 1100, 2048, 5000]) {
            let codes: Vec<A> = (0..n).map(|i| code((i * 31) as u8)).collect();
            let from = params_of_each_kind()[n % 4];
            for to in params_of_each_kind() {
                check_rescale::<A, B>(tier, &codes, from, to, [n % 5, n % 7]);
            }
        }
    }
    for tier in tiers() {
        check::<u8, u8>(tier);
        check::<u8, i8>(tier);
        check::<i8, u8>(tier);
        check::<i8, i8>(tier);
    }
}

#[test]
fn every_alignment() {
    for tier in tiers() {
        for n in (0..=257).chain([600]) {
            let x = values(n);
            for offset in 0..16 {
                check_min_max(tier, &x, offset);
                // Of 4-byte elements these are all alignments, of codes a quarter for each n.
                let byte_offset = offset + 16 * (n % 4);
                check_all(tier, &x, params_of_each_kind::<u8>()[1], [offset, byte_offset]);
                check_all(tier, &x, params_of_each_kind::<i8>()[0], [byte_offset, offset]);
            }
        }
    }
}

#[test]
fn a_special_value_at_every_position() {
    let special = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1e38, -1e38, 4e9];
    for tier in tiers() {
        for n in [1, 40, 64, 100, 256, 300] {
            for at in 0..n {
                let mut x: Vec<_> = (0..n).map(|i| i as f32 - 50.0).collect();
                x[at] = special[at % special.len()];
                check_min_max(tier, &x, 0);
                check_all(tier, &x, params_of_each_kind::<u8>()[1], [0, 0]);
                check_all(tier, &x, params_of_each_kind::<i8>()[0], [0, 0]);
            }
        }
    }
}

/// Above 2⁷⁸ a reciprocal is not exact: scales around there, and the largest ones.
fn largest_scales() -> impl Iterator<Item = f32> {
    let around = [-1, 0, 1].map(|ulps| 2_f32.powi(78).to_bits().wrapping_add_signed(ulps));
    // Many mantissas: of some scales the wrong quotients are few.
    let mantissas = |scale: f32| (0..24).map(move |i| scale.to_bits() + i * 112_909);
    let large = mantissas(1e34).chain(mantissas(1e36));
    around.into_iter().chain(large).map(f32::from_bits)
}

/// All points at which a code changes and the floats beside them, and infinities among them.
fn ties(scale: f32) -> Vec<f32> {
    let mut ties = vec![f32::INFINITY, f32::NEG_INFINITY, f32::NAN, f32::MAX, 0.0];
    for n in -257..257 {
        let tie = (n as f32 + 0.5) * scale;
        ties.extend((-2..=2).map(|ulps| f32::from_bits(tie.to_bits().wrapping_add_signed(ulps))));
        if n % 64 == 0 {
            ties.extend([f32::INFINITY, f32::NEG_INFINITY]);
        }
    }
    ties
}

#[test]
fn scales_without_an_exact_reciprocal() {
    for tier in tiers() {
        for scale in largest_scales() {
            let x = ties(scale);
            for zero_point in [0, 128] {
                let params = QuantParams::new(scale, code::<u8>(zero_point)).unwrap();
                check_all(tier, &x, params, [0, 0]);
                let params = QuantParams::new(scale, code::<i8>(zero_point ^ 0x80)).unwrap();
                check_all(tier, &x, params, [0, 0]);
            }
            let few = QuantParams::<i8>::new(scale, -3).unwrap();
            check_all(tier, &x, few.with_codes(-9..=100).unwrap(), [0, 0]);
        }
    }
}

/// The lowest and the highest code in use are those of the type or not, with and without a zero point:
/// bounds that need not be looked at are left out.
#[test]
fn codes_in_use_of_every_kind() {
    fn check<Q: Code8>(tier: Tier) {
        let x: Vec<_> = (0..700).map(|i| (i - 350) as f32).collect();
        let sums: Vec<_> = (0..700).map(|i| i - 350).collect();
        let multiplier = Multiplier::real(1.0).unwrap();
        let codes: Vec<Q> = (0..=255).map(code).collect();
        let next =
            |code: Q, by: u8| common::code::<Q>(bytemuck::cast::<Q, u8>(code).wrapping_add(by));
        let from = QuantParams::new(3.0, code::<Q>(40)).unwrap();
        for lo in [Q::MIN, next(Q::MIN, 1), code(0)] {
            for hi in [Q::MAX, next(Q::MAX, 255), code(100)] {
                for zero_point in [code(0), code(1), lo, hi] {
                    if zero_point < lo || zero_point > hi {
                        continue;
                    }
                    let params = QuantParams::new(1.0, zero_point).unwrap();
                    let params = params.with_codes(lo..=hi).unwrap();
                    check_all(tier, &x, params, [0, 0]);
                    check_requantize(tier, &sums, multiplier, params, [0, 0]);
                    check_rescale(tier, &codes, from, params, [0, 0]);
                }
            }
        }
    }
    for tier in tiers() {
        check::<u8>(tier);
        check::<i8>(tier);
    }
}

/// Values at the points where a code changes, and beside them: those of codes by a scale that is half
/// of the other.
#[test]
fn rescale_to_scales_without_an_exact_reciprocal() {
    let codes: Vec<u8> = (0..=255).collect();
    for tier in tiers() {
        for scale in largest_scales() {
            let to = QuantParams::<i8>::new(scale, 0).unwrap();
            for ulps in -2..=2 {
                let half = f32::from_bits((scale / 2.0).to_bits().wrapping_add_signed(ulps));
                for zero_point in [0, 128] {
                    let from = QuantParams::<u8>::new(half, zero_point).unwrap();
                    check_rescale(tier, &codes, from, to, [0, 0]);
                    check_rescale(tier, &codes.repeat(5), from, to, [0, 0]);
                }
            }
        }
    }
}

/// In chunks after one that had none, so that the quick way was taken before.
#[test]
fn min_max_of_a_nan_in_any_chunk() {
    for tier in tiers() {
        let rising: Vec<_> = (0..50_000).map(|i| i as f32 * 0.5 - 8.0).collect();
        let falling: Vec<_> = rising.iter().rev().copied().collect();
        for x in [rising, falling] {
            for at in [0, 16_383, 16_384, 16_390, 20_000, 32_767, 32_768, 49_999] {
                for nan in [f32::NAN, -f32::NAN] {
                    let mut x = x.clone();
                    x[at] = nan;
                    check_min_max(tier, &x, at % 3);
                }
            }
        }
    }
}

#[test]
fn min_max_of_one_sign_and_of_long_slices() {
    for tier in tiers() {
        for n in [1, 5, 64, 1000, 16_384, 16_385, 40_000] {
            let negative: Vec<_> = values(n).iter().map(|x| -x.abs()).collect();
            let positive: Vec<_> = values(n).iter().map(|x| x.abs()).collect();
            // The first chunks of one sign, the last of the other.
            let mut mixed = negative.clone();
            mixed[n / 2..].copy_from_slice(&positive[n / 2..]);
            for x in [negative, positive, mixed] {
                check_min_max(tier, &x, 0);
            }
        }
        for x in [f32::NAN, -f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 0.0, -0.0, -1.0] {
            for n in [0, 1, 3, 64, 300] {
                check_min_max(tier, &vec![x; n], 0);
            }
        }
    }
}

#[test]
fn all_codes_by_all_zero_points() {
    fn check<Q: Code8>(tier: Tier) {
        let codes: Vec<Q> = (0..=255).map(code).collect();
        for &zero_point in &codes {
            let params = QuantParams::new(0.1, zero_point).unwrap();
            let y = check_dequantize(tier, &codes, params, [0, 0]);
            // The way back leads to the same codes, and beyond the ends it saturates.
            assert_eq!(check_quantize(tier, &y, params, [0, 0]), codes);
            let doubled: Vec<_> = y.iter().map(|y| 2.0 * y).collect();
            check_all(tier, &doubled, params, [0, 0]);
            check_relu(tier, &codes, zero_point, 0);
        }
    }
    for tier in tiers() {
        check::<u8>(tier);
        check::<i8>(tier);
    }
}

/// Large enough for streaming stores: the 64 MiB from which on a call counts as big.
#[test]
fn big() {
    let n = (14 << 20) + 77;
    let x = values(n);
    let params = QuantParams::<u8>::affine(Range::new(-230.0, 270.0)).unwrap();
    let (mut expected, mut y) = (vec![0; n], vec![0.0; n]);
    reference::quantize(&x, params, &mut expected).unwrap();
    reference::dequantize(&expected, params, &mut y).unwrap();
    for tier in tiers() {
        let mut codes = Guarded::new(n, 3, 1);
        tier.quantize(&x, params, codes.slice_mut()).unwrap();
        assert!(codes.checked() == expected, "quantize, {tier}");
        for offset in [0, 1] {
            let mut out = Guarded::new(n, offset, 1.0);
            tier.dequantize(&expected, params, out.slice_mut()).unwrap();
            assert!(out.checked() == y, "dequantize, {tier}");
            let mut out = Guarded::new(n, offset, 1.0);
            tier.fake_quantize(&x, params, out.slice_mut()).unwrap();
            assert!(out.checked() == y, "fake_quantize, {tier}");
        }
    }
}

/// Any bit pattern, or a value that matters more: an ordinary one, one near a tie.
fn any_value(scale: f32) -> impl Strategy<Value = f32> {
    prop_oneof![
        2 => any::<u32>().prop_map(f32::from_bits),
        4 => (-300.0_f32..300.0).prop_map(move |q| q * scale),
        4 => (-300_i32..300, -2_i32..=2).prop_map(move |(n, ulps)| {
            let tie = (n as f32 + 0.5) * scale;
            f32::from_bits(tie.to_bits().wrapping_add_signed(ulps))
        }),
    ]
}

/// Any parameters; most scales are ordinary.
fn any_params<Q: Code8>() -> impl Strategy<Value = QuantParams<Q>> {
    let scale =
        prop_oneof![1e-3_f32..10.0, (0x0080_0000_u32..0x7f80_0000).prop_map(f32::from_bits),];
    (scale, any::<[u8; 3]>(), any::<bool>()).prop_filter_map(
        "a code overflows",
        |(scale, codes, all_codes)| {
            let mut codes = codes.map(code::<Q>);
            codes.sort();
            let [lo, zero_point, hi] = codes;
            // By way of codes that are fewer, so that they can't overflow first.
            let params = QuantParams::new(scale.min(1e36), zero_point).ok()?;
            if all_codes { Some(params) } else { params.with_codes(lo..=hi).ok() }
        },
    )
}

fn any_multiplier() -> impl Strategy<Value = Multiplier> {
    prop_oneof![
        (1e-6_f32..2.0).prop_map(|m| Multiplier::real(m).unwrap()),
        (0_u32..0x7f80_0000).prop_map(|bits| Multiplier::real(f32::from_bits(bits)).unwrap()),
        (1e-6..2.0).prop_map(|m| Multiplier::fixed(m).unwrap()),
        (0..=i32::MAX, -31..=30).prop_map(|(m, e)| Multiplier::from_fixed(m, e).unwrap()),
    ]
}

fn any_case<Q: Code8>() -> impl Strategy<Value = (Vec<f32>, QuantParams<Q>, [usize; 2])> {
    any_params::<Q>().prop_flat_map(|params| {
        (
            proptest::collection::vec(any_value(params.scale()), 0..600),
            Just(params),
            [0_usize..16, 0_usize..64],
        )
    })
}

proptest! {
    #[test]
    fn anything_u8((x, params, offsets) in any_case::<u8>()) {
        for tier in tiers() {
            check_all(tier, &x, params, offsets);
        }
    }

    #[test]
    fn anything_i8((x, params, offsets) in any_case::<i8>()) {
        for tier in tiers() {
            check_all(tier, &x, params, offsets);
        }
    }

    #[test]
    fn any_codes(codes in proptest::collection::vec(any::<u8>(), 0..600), params in any_params::<i8>()) {
        let codes: Vec<i8> = codes.into_iter().map(code).collect();
        for tier in tiers() {
            check_dequantize(tier, &codes, params, [0, 0]);
        }
    }

    #[test]
    fn any_requantize(
        small in any::<bool>(),
        accumulators in proptest::collection::vec(any::<i32>(), 0..300),
        multiplier in any_multiplier(),
        params in any_params::<i8>(),
    ) {
        let shift = if small { 20 } else { 0 };
        let accumulators: Vec<_> = accumulators.into_iter().map(|a| a >> shift).collect();
        for tier in tiers() {
            check_requantize(tier, &accumulators, multiplier, params, [0, 0]);
        }
    }

    #[test]
    fn any_lut(
        table in prop::array::uniform32(any::<[u8; 8]>()),
        codes in prop::collection::vec(any::<u8>(), 0..700),
    ) {
        let table: [u8; 256] = bytemuck::cast(table);
        for tier in tiers() {
            check_lut(tier, &codes, &table, [0, 0]);
        }
    }

    #[test]
    fn any_rescale(
        from in any_params::<u8>(),
        to in any_params::<i8>(),
        back in any_params::<u8>(),
        ratio in 0.001_f32..100.0,
    ) {
        let codes: Vec<u8> = (0..1280).map(|i| code(i as u8)).collect();
        let signed: Vec<i8> = codes.iter().map(|&q| code(q)).collect();
        let near = QuantParams::new(from.scale().min(1e30) * ratio, to.zero_point());
        for tier in tiers() {
            for n in [codes.len(), 256] {
                check_rescale(tier, &codes[..n], from, to, [0, 0]);
                check_rescale(tier, &signed[..n], to, back, [0, 0]);
                check_rescale(tier, &codes[..n], from, near.unwrap_or(to), [0, 0]);
            }
        }
    }

    #[test]
    fn any_range(x in proptest::collection::vec(any::<u32>().prop_map(f32::from_bits), 0..600)) {
        for tier in tiers() {
            check_min_max(tier, &x, 0);
        }
    }

    #[test]
    fn any_dynamic(x in proptest::collection::vec(any_value(0.1), 0..600), finite in any::<bool>()) {
        let x: Vec<_> = x.into_iter().filter(|x| !finite || x.is_finite()).collect();
        for tier in tiers() {
            check_dynamic(tier, &x, Scheme::<u8>::affine());
            check_dynamic(tier, &x, Scheme::<i8>::affine());
            check_dynamic(tier, &x, Scheme::<i8>::symmetric());
            check_dynamic(tier, &x, Scheme::<u8>::symmetric());
            check_dynamic(tier, &x, Scheme::<u8>::affine().with_codes(3..=18).unwrap());
        }
    }
}

#[test]
fn dynamic_rows() {
    fn check<Q: Code8>(tier: Tier, rows: usize, row: usize, scheme: Scheme<Q>) {
        check_finite(tier, rows, row, scheme, 7.0);
        check_finite(tier, rows, row, scheme.of_finite(), f32::NAN);
    }
    fn check_finite<Q: Code8>(tier: Tier, rows: usize, row: usize, scheme: Scheme<Q>, fourth: f32) {
        // Each row of another magnitude; some are empty, one has the same number only.
        let x: Vec<_> = (0..rows * row)
            .map(|i| match i / row {
                3 => fourth,
                r => ((i * 7919 % 1001) as f32 - 400.0) * 1.7_f32.powi(r as i32),
            })
            .collect();
        let (mut params, mut out) = (vec![QuantParams::default(); rows], vec![Q::MIN; x.len()]);
        let (mut expected_params, mut expected) = (params.clone(), out.clone());
        reference::quantize_dynamic_rows(&x, row, scheme, &mut expected_params, &mut expected)
            .unwrap();
        tier.quantize_dynamic_rows(&x, row, scheme, &mut params, &mut out).unwrap();
        assert_eq!(params, expected_params, "{tier}, {rows} rows of {row}");
        assert_eq!(out, expected, "{tier}, {rows} rows of {row}");
    }
    for tier in tiers() {
        for (rows, row) in [(0, 0), (0, 5), (5, 0), (1, 1), (6, 1), (9, 63), (5, 65), (4, 3000)] {
            check(tier, rows, row, Scheme::<u8>::affine());
            check(tier, rows, row, Scheme::<i8>::affine());
            check(tier, rows, row, Scheme::<i8>::symmetric());
        }
        // An infinity in the third row: the first two are done, the others untouched.
        let mut x = [1.0; 12];
        x[7] = f32::INFINITY;
        let (mut params, mut out) = ([QuantParams::default(); 4], [7; 12]);
        let scheme = Scheme::<u8>::affine();
        let error = tier.quantize_dynamic_rows(&x, 3, scheme, &mut params, &mut out).unwrap_err();
        let expected = Error::NonFinite { argument: "x", row: Some(2), found: "inf" };
        assert_eq!(error, expected);
        assert_eq!(out, [255, 255, 255, 255, 255, 255, 7, 7, 7, 7, 7, 7]);
        // So long that the elements of four such rows are 0, if their number wraps around.
        let row = usize::MAX / 4 + 1;
        let error = tier.quantize_dynamic_rows(&[], row, scheme, &mut params, &mut []);
        assert!(matches!(error, Err(Error::Rows { .. })), "{error:?}");
        let error = tier.quantize_dynamic_rows(&x, 5, scheme, &mut params, &mut out);
        let text = "`x`, of 12 elements, is not 4 rows of 5";
        assert_eq!(error.unwrap_err().to_string(), text);
        let error = tier.quantize_dynamic_rows(&x, 3, scheme, &mut params, &mut out[..11]);
        let text = "`out`, of 11 elements, is not 4 rows of 3";
        assert_eq!(error.unwrap_err().to_string(), text);
    }
}

/// The parameters of several rows are found together. Numbers of rows around those of such a group, in which
/// some, or one, are exceptions: for these the formulas alone are not enough, or they are errors.
#[test]
fn dynamic_rows_in_groups() {
    /// A row, and whether only some schemes take it.
    fn row_of(kind: usize, r: usize, i: usize) -> f32 {
        let ordinary = ((i * 7919 + r * 31) % 1001) as f32 - 400.0;
        match kind {
            0 => 0.0,
            1 => -0.0,
            2 => ordinary * 1e-40,
            3 => ordinary * 1e-37,
            4 => ordinary * 1e24,
            5 => ordinary * 5e35,
            6 => -1.0 - r as f32,
            7 => 1e-45,
            8 if i == 0 => f32::INFINITY,
            9 if i == 0 => -f32::NAN,
            10 => f32::NEG_INFINITY,
            11 => 250.0 + i as f32,
            _ => ordinary * 1.5_f32.powi(r as i32 % 40),
        }
    }
    fn check<Q: Code8>(tier: Tier, [rows, row]: [usize; 2], x: &[f32], scheme: Scheme<Q>) {
        let (mut params, mut out) = (vec![QuantParams::default(); rows], vec![code(7); x.len()]);
        let (mut expected_params, mut expected) = (params.clone(), out.clone());
        let result =
            reference::quantize_dynamic_rows(x, row, scheme, &mut expected_params, &mut expected);
        let found = tier.quantize_dynamic_rows(x, row, scheme, &mut params, &mut out);
        let context = || format!("{tier}, {rows} rows of {row}, {scheme:?}");
        assert_eq!(found, result, "{}", context());
        assert_eq!(params, expected_params, "{}", context());
        assert_eq!(out, expected, "{}", context());
    }
    fn check_all(tier: Tier, shape: [usize; 2], x: &[f32]) {
        check(tier, shape, x, Scheme::<u8>::affine());
        check(tier, shape, x, Scheme::<u8>::affine().of_finite());
        check(tier, shape, x, Scheme::<u8>::affine().with_codes(3..=18).unwrap().of_finite());
        check(tier, shape, x, Scheme::<i8>::affine().of_finite());
        check(tier, shape, x, Scheme::<i8>::symmetric());
        check(tier, shape, x, Scheme::<i8>::symmetric().of_finite());
        check(tier, shape, x, Scheme::<u8>::symmetric().of_finite());
        check(tier, shape, x, Scheme::<i8>::symmetric().with_codes(-5..=0).unwrap().of_finite());
        // Codes on one side only.
        let above: Vec<_> = x.iter().map(|x| x.abs()).collect();
        check(tier, shape, &above, Scheme::<u8>::symmetric());
        check(tier, shape, &above, Scheme::<u8>::symmetric().of_finite());
        let below: Vec<_> = above.iter().map(|x| -x).collect();
        check(tier, shape, &below, Scheme::<i8>::symmetric().with_codes(-5..=0).unwrap());
    }
    for tier in tiers() {
        for rows in [1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 33] {
            for row in [1, 3, 4, 8, 9, 16, 17, 32, 47, 63, 64, 127, 128, 300] {
                for kind in 0..=12 {
                    // One exception, wherever it stands, and one in each few rows.
                    for [at, every] in [[0, rows], [rows / 2, rows], [rows - 1, rows], [1, 3]] {
                        let x: Vec<_> = (0..rows * row)
                            .map(|i| {
                                let r = i / row;
                                row_of(if r % every == at { kind } else { 12 }, r, i % row)
                            })
                            .collect();
                        check_all(tier, [rows, row], &x);
                    }
                }
            }
        }
        // About as long as what is found together, and longer than what is quantized as blocks.
        for (rows, row) in [(5, 1024), (3, 2048), (3, 2049), (2, 4096), (2, 4097), (300, 17)] {
            let x: Vec<_> = (0..rows * row)
                .map(|i| row_of(if i / row % 7 == 1 { i / row % 12 } else { 12 }, i / row, i % row))
                .collect();
            check_all(tier, [rows, row], &x);
        }
    }
}

/// Rows that are apart become what they are without a gap, and what lies between them is not touched: the
/// NaN there would be an error.
#[test]
fn dynamic_rows_apart() {
    fn check<Q: Code8>(tier: Tier, shape: [usize; 2], scheme: Scheme<Q>) {
        let [rows, row] = shape;
        let x: Vec<_> = (0..rows * row)
            .map(|i| ((i * 7919 % 1001) as f32 - 400.0) * 1.7_f32.powi((i / row) as i32))
            .collect();
        let (mut params, mut codes) = (vec![QuantParams::default(); rows], vec![Q::MIN; x.len()]);
        let (mut by_reference, mut of_reference) = (params.clone(), codes.clone());
        reference::quantize_dynamic_rows(&x, row, scheme, &mut by_reference, &mut of_reference)
            .unwrap();
        tier.quantize_dynamic_rows(&x, row, scheme, &mut params, &mut codes).unwrap();
        assert_eq!((&params, &codes), (&by_reference, &of_reference), "{tier}, {shape:?}");
        for stride in strides(row) {
            let x_apart = Apart::of(&x, shape, stride, f32::NAN);
            for out_stride in strides(row) {
                let mut found = vec![QuantParams::default(); rows];
                let mut out = Apart::new(shape, out_stride, row % 7, code(0x55));
                tier.quantize_dynamic_rows(x_apart.rows(), row, scheme, &mut found, out.rows_mut())
                    .unwrap();
                let context = || format!("{tier}, {shape:?}, {stride} to {out_stride}");
                assert_eq!((&found, &out.checked()), (&params, &codes), "{}", context());
            }
            // Only what is read, or only what is written.
            let (mut found, mut out) = (vec![QuantParams::default(); rows], vec![Q::MIN; x.len()]);
            tier.quantize_dynamic_rows(x_apart.rows(), row, scheme, &mut found, &mut out).unwrap();
            assert_eq!((&found, &out), (&params, &codes), "{tier}, {shape:?}, {stride}");
            let mut found = vec![QuantParams::default(); rows];
            let mut out = Apart::new(shape, stride, row % 5, code(0x55));
            tier.quantize_dynamic_rows(&x, row, scheme, &mut found, out.rows_mut()).unwrap();
            assert_eq!((&found, &out.checked()), (&params, &codes), "{tier}, {shape:?}, {stride}");
        }
    }
    for tier in Tier::available() {
        for shape in [
            [0, 0],
            [0, 5],
            [5, 0],
            [1, 1],
            [6, 1],
            [9, 15],
            [9, 63],
            [7, 64],
            [5, 65],
            [3, 300],
            [4, 3000],
        ] {
            check(tier, shape, Scheme::<u8>::affine());
            check(tier, shape, Scheme::<i8>::affine());
            check(tier, shape, Scheme::<i8>::symmetric());
        }
        // An infinity in the third row: the first two are done, the others untouched, and so is all between.
        let mut x = [1.0; 12];
        x[7] = f32::INFINITY;
        for stride in strides(3) {
            let x = Apart::of(&x, [4, 3], stride, f32::NAN);
            let mut params = [QuantParams::default(); 4];
            let mut out = Apart::new([4, 3], stride + 1, 2, 7_u8);
            let scheme = Scheme::affine();
            let error =
                tier.quantize_dynamic_rows(x.rows(), 3, scheme, &mut params, out.rows_mut());
            let expected = Error::NonFinite { argument: "x", row: Some(2), found: "inf" };
            assert_eq!(error, Err(expected));
            assert_eq!(out.checked(), [255, 255, 255, 255, 255, 255, 7, 7, 7, 7, 7, 7]);
        }
    }
}

/// The same of so many that stores go past the caches: rows that repeat themselves, so that the reference
/// has to do few of them.
#[test]
fn big_rows_apart() {
    let (few, row) = (30, 1000);
    let rows = 500 * few;
    let x: Vec<_> = (0..few * row).map(|i| (i * 7919 % 100_003) as f32 - 4e4).collect();
    let (mut params, mut codes) = (vec![QuantParams::default(); few], vec![0; few * row]);
    let scheme = Scheme::<u8>::affine();
    reference::quantize_dynamic_rows(&x, row, scheme, &mut params, &mut codes).unwrap();
    let x = x.repeat(rows / few);
    for tier in tiers() {
        for [stride, out_stride] in [[row, row + 7], [row + 1, row], [2 * row, row + 1]] {
            let x = Apart::of(&x, [rows, row], stride, f32::NAN);
            let mut found = vec![QuantParams::default(); rows];
            let mut out = Apart::new([rows, row], out_stride, 3, 0x55);
            tier.quantize_dynamic_rows(x.rows(), row, scheme, &mut found, out.rows_mut()).unwrap();
            let repeats = found.chunks(few).all(|part| part == params);
            assert!(repeats, "parameters, {tier}, {stride} to {out_stride}");
            let repeats = out.checked().chunks(few * row).all(|part| part == codes);
            assert!(repeats, "codes, {tier}, {stride} to {out_stride}");
        }
    }
}

#[test]
fn dynamic_rows_that_do_not_fit() {
    let scheme = Scheme::<u8>::affine();
    for tier in Tier::available() {
        for wrong in NOT_THREE_ROWS_OF_FIVE {
            let [elements, rows, stride] = wrong;
            let (mut params, mut out) = ([QuantParams::default(); 3], [7; 100]);
            let x = vec![1.0; elements];
            let x = Rows::strided(&x, rows, stride);
            let error = tier.quantize_dynamic_rows(x, 5, scheme, &mut params, &mut out[..15]);
            assert_eq!(error, Err(not_three_rows_of_five("x", wrong)));
            // What is read is looked at first.
            let apart = RowsMut::strided(&mut out[..elements], rows, stride);
            let error = tier.quantize_dynamic_rows(x, 5, scheme, &mut params, apart);
            assert_eq!(error, Err(not_three_rows_of_five("x", wrong)));
            let apart = RowsMut::strided(&mut out[..elements], rows, stride);
            let error = tier.quantize_dynamic_rows(&[1.0; 15], 5, scheme, &mut params, apart);
            assert_eq!(error, Err(not_three_rows_of_five("out", wrong)));
            assert_eq!((params, out), ([QuantParams::default(); 3], [7; 100]));
        }
        // Just enough, and more than that.
        let (mut params, mut out) = ([QuantParams::default(); 3], [7; 100]);
        for elements in [17, 18, 100] {
            let (x, stride) = (vec![1.0; elements], 6);
            let apart = RowsMut::strided(&mut out[..elements], 3, stride);
            let x = Rows::strided(&x, 3, stride);
            tier.quantize_dynamic_rows(x, 5, scheme, &mut params, apart).unwrap();
            for (i, out) in out.iter_mut().enumerate() {
                let in_row = i % stride < 5 && i / stride < 3;
                assert_eq!(*out, if in_row { 255 } else { 7 }, "{i}");
                *out = 7;
            }
        }
        // Rows of nothing are as many as they are said to be.
        let (x, out) = (Rows::strided(&[], 3, 0), RowsMut::strided(&mut [], 3, 0));
        assert_eq!(tier.quantize_dynamic_rows(x, 0, scheme, &mut params, out), Ok(()));
        let (x, out) = (Rows::strided(&[], 2, 0), RowsMut::strided(&mut [], 3, 0));
        let error = tier.quantize_dynamic_rows(x, 0, scheme, &mut params, out);
        let (elements, row, stride) = (0, 0, 0);
        assert_eq!(error, Err(Error::Rows { argument: "x", elements, rows: 3, row, stride }));
    }
}

#[test]
fn dynamic_of_long_slices() {
    for tier in tiers() {
        for n in [65_535, 65_536, 65_537, 200_001] {
            let x: Vec<_> = values(n)
                .into_iter()
                .map(|x| if x.is_finite() { x.clamp(-1e3, 1e3) } else { f32::NAN })
                .collect();
            check_dynamic(tier, &x, Scheme::<u8>::affine());
        }
    }
}
