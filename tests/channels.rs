//! Parameters for each channel and block: every operation on every tier equals the reference.

#[path = "common/mod.rs"]
mod common;

use common::{Guarded, base_tiers as tiers, bits, code, values};
use proptest::prelude::*;
use zeropoint::{Blocks, Code, Error, Multiplier, QuantParams, Range, Tier, reference};

/// Channels of so many elements, or blocks.
#[derive(Clone, Copy, Debug)]
enum Sharing {
    Channels { inner: usize },
    Blocks(Blocks),
}

/// How many elements there are, and how many parameters.
#[derive(Clone, Copy, Debug)]
struct Shape {
    elements: usize,
    params: usize,
    sharing: Sharing,
}

impl Shape {
    fn channels(outer: usize, channels: usize, inner: usize) -> Self {
        Self {
            elements: outer * channels * inner,
            params: channels,
            sharing: Sharing::Channels { inner },
        }
    }

    fn blocks(outer: usize, axis: usize, block: usize, inner: usize) -> Self {
        Self {
            elements: outer * axis * inner,
            params: outer * axis.div_ceil(block) * inner,
            sharing: Sharing::Blocks(Blocks { axis, block, inner }),
        }
    }
}

/// `params.len()` sets of parameters: which kernel runs depends on whether they are alike.
fn kinds_of_params<Q: Code>(n: usize) -> [Vec<QuantParams<Q>>; 4] {
    let scale = |p: usize| 0.05 + (p * 37 % 101) as f32 * 0.013;
    let of = |p: usize, zero_point| QuantParams::new(scale(p), zero_point).unwrap();
    let lowest = code::<Q>(0x81).min(code(0));
    let symmetric = |p| of(p, code(0)).with_codes(lowest..=Q::MAX);
    let different = |p: usize| {
        let lo = code((p % 7) as u8);
        of(p, code(30)).with_codes(lo..=code(100))
    };
    let divided = |p: usize| match p % 3 {
        0 => QuantParams::new(1e30, code(3)).unwrap(),
        _ => of(p, code(p as u8)),
    };
    [
        (0..n).map(|p| symmetric(p).unwrap()).collect(),
        (0..n).map(|p| of(p, code((p * 11) as u8))).collect(),
        (0..n).map(|p| different(p).unwrap()).collect(),
        (0..n).map(divided).collect(),
    ]
}

fn check_params<Q: Code>(tier: Tier, x: &[f32], params: &[QuantParams<Q>], shape: Shape) {
    let n = x.len();
    let mut codes = vec![Q::MIN; n];
    let (mut y, mut fake) = (vec![0.0; n], vec![0.0; n]);
    let offsets = [n % 5, n % 3];
    let x = Guarded::of(x, offsets[0], f32::NAN);
    let mut out = Guarded::new(n, offsets[1], Q::MAX);
    let mut out_y = Guarded::new(n, offsets[1], 1.0);
    let mut out_fake = Guarded::new(n, offsets[0], 1.0);
    match shape.sharing {
        Sharing::Channels { inner } => {
            reference::quantize_channels(x.slice(), params, inner, &mut codes).unwrap();
            tier.quantize_channels(x.slice(), params, inner, out.slice_mut()).unwrap();
            reference::dequantize_channels(&codes, params, inner, &mut y).unwrap();
            tier.dequantize_channels(&codes, params, inner, out_y.slice_mut()).unwrap();
            reference::fake_quantize_channels(x.slice(), params, inner, &mut fake).unwrap();
            tier.fake_quantize_channels(x.slice(), params, inner, out_fake.slice_mut()).unwrap();
        }
        Sharing::Blocks(blocks) => {
            reference::quantize_blocks(x.slice(), params, blocks, &mut codes).unwrap();
            tier.quantize_blocks(x.slice(), params, blocks, out.slice_mut()).unwrap();
            reference::dequantize_blocks(&codes, params, blocks, &mut y).unwrap();
            tier.dequantize_blocks(&codes, params, blocks, out_y.slice_mut()).unwrap();
            reference::fake_quantize_blocks(x.slice(), params, blocks, &mut fake).unwrap();
            tier.fake_quantize_blocks(x.slice(), params, blocks, out_fake.slice_mut()).unwrap();
        }
    }
    assert_eq!(out.checked(), codes, "{tier}, {shape:?}, {params:?}");
    assert_eq!(bits(out_y.checked()), bits(&y), "{tier}, {shape:?}");
    assert_eq!(bits(out_fake.checked()), bits(&fake), "{tier}, {shape:?}");
    assert_eq!(bits(&fake), bits(&y), "the reference, {shape:?}");
}

fn check_min_max(tier: Tier, x: &[f32], shape: Shape) {
    let (mut expected, mut found) = (vec![None; shape.params], vec![None; shape.params]);
    found.fill(Some(Range::new(7.0, 8.0)));
    match shape.sharing {
        Sharing::Channels { inner } => {
            reference::min_max_channels(x, inner, &mut expected).unwrap();
            tier.min_max_channels(x, inner, &mut found).unwrap();
        }
        Sharing::Blocks(blocks) => {
            reference::min_max_blocks(x, blocks, &mut expected).unwrap();
            tier.min_max_blocks(x, blocks, &mut found).unwrap();
        }
    }
    let ends = |ranges: &[Option<Range>]| {
        let ends = |r: &Option<Range>| r.map(|r| (r.min.to_bits(), r.max.to_bits()));
        ranges.iter().map(ends).collect::<Vec<_>>()
    };
    assert_eq!(ends(&found), ends(&expected), "{tier}, {shape:?}, {x:?}");
}

fn check_shape(tier: Tier, x: &[f32], shape: Shape) {
    check_min_max(tier, x, shape);
    for params in kinds_of_params::<u8>(shape.params) {
        check_params(tier, x, &params, shape);
    }
    for params in kinds_of_params::<i8>(shape.params) {
        check_params(tier, x, &params, shape);
    }
}

/// Values with special ones among them, of a magnitude that grows with the index.
fn growing(n: usize) -> Vec<f32> {
    let grow = |(i, x): (usize, f32)| x * (0.01 + (i % 41) as f32 * 0.02);
    values(n).into_iter().enumerate().map(grow).collect()
}

/// Also on those that run the code of another.
#[test]
fn every_tier() {
    for tier in Tier::available() {
        let shape = Shape::channels(3, 70, 1);
        check_shape(tier, &growing(shape.elements), shape);
        let shape = Shape::blocks(2, 100, 32, 1);
        check_shape(tier, &growing(shape.elements), shape);
        let [_, multipliers, ..] = kinds_of_multipliers(70);
        let output = QuantParams::new(1.0, 128_u8).unwrap();
        check_requantize(tier, &accumulators(140), &multipliers, 1, output);
    }
}

#[test]
fn channels_of_every_kind() {
    let inner = [1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 32, 33, 49, 64, 96, 128, 255, 256, 300];
    let channels = [1, 2, 3, 5, 15, 16, 17, 31, 33, 63, 64, 65, 67];
    for tier in tiers() {
        for inner in inner {
            for channels in channels {
                for outer in [1, 2, 3] {
                    let shape = Shape::channels(outer, channels, inner);
                    if shape.elements <= 2100 {
                        check_shape(tier, &growing(shape.elements), shape);
                    }
                }
            }
        }
    }
}

/// Scales above 2⁷⁸, which have no exact reciprocal, with all points at which a code changes and the
/// floats beside them; each scale by itself, and others beside one that can do without a division.
#[test]
fn scales_without_an_exact_reciprocal() {
    fn check<Q: Code>(tier: Tier) {
        let scales: Vec<_> =
            (0..48).map(|i| f32::from_bits(1e36_f32.to_bits() + i * 56_453)).collect();
        let mut x = Vec::new();
        for n in -257..257 {
            for ulps in -2..=2 {
                x.extend(scales.iter().map(|scale| {
                    let tie = (n as f32 + 0.5) * scale;
                    f32::from_bits(tie.to_bits().wrapping_add_signed(ulps))
                }));
            }
            if n % 64 == 0 {
                x.extend([f32::INFINITY, f32::NEG_INFINITY].repeat(scales.len() / 2));
            }
        }
        let rows = x.len() / scales.len();
        let by_channel: Vec<_> = (0..scales.len())
            .flat_map(|c| x.iter().skip(c).step_by(scales.len()).copied())
            .collect();
        let of = |&scale: &f32| QuantParams::<Q>::new(scale, code(0)).unwrap();
        let alike: Vec<_> = scales.iter().map(of).collect();
        let few = |params: &QuantParams<Q>| params.with_codes(code(0)..=code(99)).unwrap();
        let mut mixed: Vec<_> = alike.iter().map(few).collect();
        let last = mixed.len() - 1;
        for at in [0, last] {
            mixed[at] = few(&QuantParams::new(0.5, code(0)).unwrap());
        }
        // The same codes in all, but for the last channel or the one before.
        let mut one_differs = alike.clone();
        one_differs[last] = mixed[last];
        let mut another = alike.clone();
        another[last - 1] = mixed[last - 1];
        for params in [alike, mixed, one_differs, another] {
            let shape = Shape::channels(rows, scales.len(), 1);
            check_params(tier, &x, &params, shape);
            let shape = Shape::channels(1, scales.len(), rows);
            check_params(tier, &by_channel, &params, shape);
        }
    }
    for tier in tiers() {
        check::<u8>(tier);
        check::<i8>(tier);
    }
}

/// What all parameters but one have in common is not what all have.
#[test]
fn one_channel_unlike_the_others() {
    fn check<Q: Code>(tier: Tier) {
        let symmetric = |p: usize| QuantParams::new(0.05 + p as f32 * 0.01, code::<Q>(0)).unwrap();
        let all: Vec<_> = (0..70).map(symmetric).collect();
        let shape = Shape::channels(5, all.len(), 1);
        let x = growing(shape.elements);
        let others = [
            QuantParams::new(0.3, code(7)).unwrap(),
            symmetric(3).with_codes(code(0)..=code(50)).unwrap(),
            QuantParams::new(1e36, code(0)).unwrap(),
        ];
        for other in others {
            for at in [0, 1, 35, all.len() - 1] {
                let mut params = all.clone();
                params[at] = other;
                check_params(tier, &x, &params, shape);
            }
            // All of the same few codes.
            let few = vec![other; all.len()];
            check_params(tier, &x, &few, shape);
        }
    }
    for tier in tiers() {
        check::<u8>(tier);
        check::<i8>(tier);
    }
}

/// So many rows that their minima and maxima are found in hundreds of parts; the ends are in the last.
#[test]
fn ranges_of_many_rows() {
    for tier in tiers() {
        for (outer, channels, inner) in [(150_000, 3, 1), (1000, 520, 1), (60_000, 2, 5)] {
            let shape = Shape::channels(outer, channels, inner);
            let mut x: Vec<_> = (0..shape.elements).map(|i| (i % 101) as f32).collect();
            let last = x.len() - channels * inner;
            for (i, x) in x[last..].iter_mut().enumerate() {
                *x = if i % 2 == 0 { 1e3 } else { -1e3 } + i as f32;
            }
            check_min_max(tier, &x, shape);
            let blocks = Shape::blocks(1, outer, outer, channels * inner);
            check_min_max(tier, &x, blocks);
        }
    }
}

/// Rows beyond one tile and two, of many channels and of channels with a few elements.
#[test]
fn wide_rows() {
    let shapes = [
        (1, 511, 1),
        (3, 512, 1),
        (2, 513, 1),
        (3, 575, 1),
        (2, 1025, 1),
        (2, 1600, 1),
        (2, 200, 3),
        (1, 171, 9),
        (2, 30, 49),
        (9, 129, 1),
        (700, 3, 1),
        (40, 3, 9),
    ];
    for tier in tiers() {
        for (outer, channels, inner) in shapes {
            let shape = Shape::channels(outer, channels, inner);
            check_shape(tier, &growing(shape.elements), shape);
        }
    }
}

#[test]
fn blocks_of_every_kind() {
    for tier in tiers() {
        for block in [1, 2, 3, 8, 16, 24, 32, 48, 64, 128, 256, 300] {
            for axis in [1, 4, 16, 31, 32, 33, 64, 100, 128, 200, 257] {
                for (outer, inner) in [(1, 1), (3, 1), (2, 2), (2, 5)] {
                    let shape = Shape::blocks(outer, axis, block, inner);
                    check_shape(tier, &growing(shape.elements), shape);
                }
            }
        }
        for inner in [63, 64, 65, 520, 1100] {
            let shape = Shape::blocks(2, 5, 2, inner);
            check_shape(tier, &growing(shape.elements), shape);
        }
    }
}

/// Large enough for streaming stores: what repeats itself every `period` elements, so that the
/// reference has to do that many only.
fn check_big(tier: Tier, shape: Shape, period: usize, small: Shape) {
    let [_, params, ..] = kinds_of_params::<i8>(small.params);
    let all_params: Vec<_> = params.iter().copied().cycle().take(shape.params).collect();
    let x = growing(period);
    let (mut codes, mut y) = (vec![0; period], vec![0.0; period]);
    let repeated = x.iter().copied().cycle().take(shape.elements);
    let all_x: Vec<_> = repeated.collect();
    let mut out = Guarded::new(shape.elements, 3, 1_i8);
    let mut out_y = Guarded::new(shape.elements, 1, 1.0);
    match (shape.sharing, small.sharing) {
        (Sharing::Channels { inner }, Sharing::Channels { inner: small }) => {
            reference::quantize_channels(&x, &params, small, &mut codes).unwrap();
            reference::dequantize_channels(&codes, &params, small, &mut y).unwrap();
            tier.quantize_channels(&all_x, &all_params, inner, out.slice_mut()).unwrap();
            tier.dequantize_channels(out.slice(), &all_params, inner, out_y.slice_mut()).unwrap();
        }
        (Sharing::Blocks(blocks), Sharing::Blocks(small)) => {
            reference::quantize_blocks(&x, &params, small, &mut codes).unwrap();
            reference::dequantize_blocks(&codes, &params, small, &mut y).unwrap();
            tier.quantize_blocks(&all_x, &all_params, blocks, out.slice_mut()).unwrap();
            tier.dequantize_blocks(out.slice(), &all_params, blocks, out_y.slice_mut()).unwrap();
        }
        _ => unreachable!("both of one kind"),
    }
    let repeats = out.checked().chunks(period).all(|part| part == codes);
    assert!(repeats, "quantize, {tier}, {shape:?}");
    let repeats = out_y.checked().chunks(period).all(|part| part == y);
    assert!(repeats, "dequantize, {tier}, {shape:?}");
}

#[test]
fn big() {
    for tier in tiers() {
        let rows = Shape::channels(14 << 10, 1030, 1);
        check_big(tier, rows, 1030, Shape::channels(1, 1030, 1));
        let runs = Shape::channels(4, 1, 112 << 15);
        check_big(tier, runs, 128, Shape::channels(1, 1, 128));
        let blocks = Shape::blocks(1, 14 << 20, 32, 1);
        check_big(tier, blocks, 128, Shape::blocks(1, 128, 32, 1));
    }
}

fn check_requantize<Q: Code>(
    tier: Tier,
    accumulators: &[i32],
    multipliers: &[Multiplier],
    inner: usize,
    params: QuantParams<Q>,
) {
    let ends = [i32::MAX, i32::MIN, -1, 1_000_000, 0, -70_000, 5];
    let bias: Vec<_> = (0..multipliers.len()).map(|c| ends[c % ends.len()]).collect();
    for bias in [None, Some(&bias[..])] {
        let mut expected = vec![Q::MIN; accumulators.len()];
        reference::requantize_channels(
            accumulators,
            multipliers,
            bias,
            inner,
            params,
            &mut expected,
        )
        .unwrap();
        let accumulators = Guarded::of(accumulators, 1, i32::MIN);
        let mut out = Guarded::new(expected.len(), 3, Q::MAX);
        let input = accumulators.slice();
        tier.requantize_channels(input, multipliers, bias, inner, params, out.slice_mut()).unwrap();
        let context = || format!("{tier}, inner {inner}, {bias:?}, {multipliers:?}, {params:?}");
        assert_eq!(out.checked(), expected, "{}, {input:?}", context());
    }
}

/// Multipliers below 1, and all that there can be.
fn kinds_of_multipliers(n: usize) -> [Vec<Multiplier>; 5] {
    let real = |factor: f32| Multiplier::real(factor).unwrap();
    let parts = |c: usize| {
        let multiplier = (c as i32).wrapping_mul(-1_640_531_527) & i32::MAX;
        Multiplier::from_fixed(multiplier, c as i32 * 7 % 62 - 31).unwrap()
    };
    let all = [0.0, 1e-40, 0.3, 1.0, 1.5, 1e6, f32::MAX];
    [
        (0..n).map(|c| real(0.9 / (1.0 + c as f32))).collect(),
        (0..n).map(|c| real(all[c % all.len()])).collect(),
        (0..n).map(|c| Multiplier::fixed(0.9 / (1.0 + c as f64)).unwrap()).collect(),
        (0..n).map(parts).collect(),
        (0..n).map(|c| Multiplier::from_fixed(i32::MAX, (c % 62) as i32 - 31).unwrap()).collect(),
    ]
}

fn accumulators(n: usize) -> Vec<i32> {
    const ENDS: [i32; 7] = [i32::MIN, i32::MAX, i32::MIN + 1, 0, -1, 16_777_217, 70_000];
    let spread = |i: usize| (i as i32).wrapping_mul(-1_640_531_527) >> (i % 29);
    (0..n).map(|i| if i % 11 == 5 { ENDS[i / 11 % ENDS.len()] } else { spread(i) }).collect()
}

#[test]
fn requantize_channels() {
    let output = QuantParams::new(1.0, 128_u8).unwrap();
    let output_signed = QuantParams::new(1.0, -5_i8).unwrap();
    for tier in tiers() {
        for inner in [1, 2, 3, 8, 9, 16, 49, 64, 100, 256, 300] {
            for channels in [1, 2, 7, 16, 33, 62, 65, 130] {
                let x = accumulators(
                    (2 * channels * inner).min(4000) / (channels * inner) * channels * inner,
                );
                for multipliers in kinds_of_multipliers(channels) {
                    check_requantize(tier, &x, &multipliers, inner, output);
                    let relu6 = output_signed.with_codes(-5..=55).unwrap();
                    check_requantize(tier, &x, &multipliers, inner, relu6);
                }
            }
        }
    }
}

proptest! {
    #[test]
    fn any_channels(
        outer in 1_usize..6,
        channels in 1_usize..80,
        inner in 1_usize..80,
        offset in 0_usize..10_000,
    ) {
        let shape = Shape::channels(outer, channels, inner);
        let x = growing(shape.elements + offset).split_off(offset);
        for tier in tiers() {
            check_shape(tier, &x, shape);
        }
    }

    #[test]
    fn any_blocks(
        outer in 1_usize..4,
        axis in 1_usize..300,
        block in 1_usize..140,
        inner in 1_usize..4,
    ) {
        let shape = Shape::blocks(outer, axis, block, inner);
        for tier in tiers() {
            check_shape(tier, &growing(shape.elements), shape);
        }
    }

    #[test]
    fn any_bits(x in proptest::collection::vec(any::<u32>().prop_map(f32::from_bits), 240)) {
        for tier in tiers() {
            for (channels, inner) in [(240, 1), (60, 1), (8, 30), (15, 16), (3, 80)] {
                let shape = Shape::channels(240 / channels / inner, channels, inner);
                check_shape(tier, &x, shape);
            }
        }
    }
}

#[test]
fn shapes_that_do_not_fit() {
    let params = [QuantParams::<u8>::new(1.0, 0).unwrap(); 3];
    for tier in Tier::available() {
        let mut out = [0; 20];
        for (elements, inner) in [(20, 1), (20, 7), (20, 0), (20, usize::MAX), (2, 1)] {
            let x = vec![0.0; elements];
            let error = tier.quantize_channels(&x, &params, inner, &mut out[..elements]);
            let expected = |argument| {
                Err(Error::Shape { argument, elements, shape: [None, Some(3), Some(inner)] })
            };
            assert_eq!(error, expected("x"));
            let mut y = vec![0.0; elements];
            let codes = &out[..elements];
            assert_eq!(tier.dequantize_channels(codes, &params, inner, &mut y), expected("codes"));
            assert_eq!(tier.fake_quantize_channels(&x, &params, inner, &mut y), expected("x"));
            assert_eq!(tier.min_max_channels(&x, inner, &mut [None; 3]), expected("x"));
            let multipliers = [Multiplier::real(1.0).unwrap(); 3];
            let accumulators = vec![0; elements];
            let out = &mut out[..elements];
            assert_eq!(
                tier.requantize_channels(&accumulators, &multipliers, None, inner, params[0], out),
                expected("accumulators")
            );
        }
        // Channels and an axis of so many elements that their number wraps around to what is there.
        let third = usize::MAX / 3 * 2 + 1; // 3 · third = 1
        let (elements, inner) = (20, third.wrapping_mul(20));
        let error = tier.quantize_channels(&[0.0; 20], &params, inner, &mut [0; 20]);
        let text = format!("`x`, of {elements} elements, is not of the shape [any, 3, {inner}]");
        assert_eq!(error.unwrap_err().to_string(), text);
        let blocks = Blocks { axis: inner, block: usize::MAX, inner: 3 };
        let error = tier.quantize_blocks(&[0.0; 20], &params, blocks, &mut [0; 20]);
        let text = format!("`x`, of {elements} elements, is not of the shape [any, {inner}, 3]");
        assert_eq!(error.unwrap_err().to_string(), text);
        let none: [QuantParams<u8>; 0] = [];
        assert!(tier.quantize_channels(&[1.0], &none, 1, &mut [0]).is_err());
        assert_eq!(tier.quantize_channels(&[], &none, 1, &mut []), Ok(()));
        assert_eq!(tier.quantize_channels(&[], &params, 0, &mut []), Ok(()));
        let mut ranges = [Some(Range::new(0.0, 1.0)); 2];
        assert_eq!(tier.min_max_channels(&[], 5, &mut ranges), Ok(()));
        assert_eq!(ranges, [None; 2]);

        let blocks = |axis, block, inner| Blocks { axis, block, inner };
        for (blocks, text) in [
            (blocks(10, 3, 1), "`params` has 3 elements for the 8 blocks"),
            (blocks(10, 0, 1), "`block` is 0, not at least 1"),
            (blocks(6, 4, 1), "`x`, of 20 elements, is not of the shape [any, 6, 1]"),
            (blocks(0, 4, 1), "`x`, of 20 elements, is not of the shape [any, 0, 1]"),
            (blocks(3, 4, 2), "`x`, of 20 elements, is not of the shape [any, 3, 2]"),
            // As many blocks as there are parameters, and an element more.
            (blocks(19, 7, 1), "`x`, of 20 elements, is not of the shape [any, 19, 1]"),
        ] {
            let error = tier.quantize_blocks(&[0.0; 20], &params, blocks, &mut [0; 20]);
            assert_eq!(error.unwrap_err().to_string(), text);
        }
        let huge = blocks(usize::MAX, 4, usize::MAX);
        assert!(tier.quantize_blocks(&[0.0; 20], &params, huge, &mut [0; 20]).is_err());
        // No elements are whole axes of every length.
        assert_eq!(tier.quantize_blocks(&[], &none, huge, &mut []), Ok(()));
        assert_eq!(tier.quantize_blocks(&[], &none, blocks(10, 3, 1), &mut []), Ok(()));
        let length = Error::Length { argument: "out", len: 4, of: "elements of `x`", there: 3 };
        let error = tier.quantize_channels(&[0.0; 3], &params, 1, &mut [0; 4]);
        assert_eq!(error, Err(length));
    }
    let multipliers = [
        Multiplier::real(0.5).unwrap(),
        Multiplier::real(0.25).unwrap(),
        Multiplier::fixed(0.5).unwrap(),
    ];
    let requantize = |multipliers: &[Multiplier], bias| {
        zeropoint::requantize_channels(&[0; 6], multipliers, bias, 1, params[0], &mut [0; 6])
    };
    let mixed = Error::MixedMultipliers { channel: 2 };
    assert_eq!(requantize(&multipliers, None), Err(mixed));
    let error = requantize(&multipliers[..2], Some(&[1, 2, 3])).unwrap_err();
    let text = "`bias` has 3 elements for the 2 elements of `multipliers`";
    assert_eq!(error.to_string(), text);
}
