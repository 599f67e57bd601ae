//! Parameters for each channel and block: every operation on every tier equals the reference.

#[path = "common/mod.rs"]
mod common;

use common::{Guarded, base_tiers as tiers, bits, code, values};
use proptest::prelude::*;
use zeropoint::{
    Blocks, Code, Error, Granularity, MIN_SCALE, Multiplier, Multipliers, Params, QuantParams,
    Range, Tier, reference,
};

/// How many elements there are, and how many parameters.
#[derive(Clone, Copy, Debug)]
struct Shape {
    elements: usize,
    params: usize,
    granularity: Granularity,
}

impl Shape {
    fn tensor(elements: usize) -> Self {
        Self { elements, params: 1, granularity: Granularity::Tensor }
    }

    fn channels(outer: usize, channels: usize, inner: usize) -> Self {
        Self {
            elements: outer * channels * inner,
            params: channels,
            granularity: Granularity::Axis { inner },
        }
    }

    fn blocks(outer: usize, axis: usize, block: usize, inner: usize) -> Self {
        Self {
            elements: outer * axis * inner,
            params: outer * axis.div_ceil(block) * inner,
            granularity: Granularity::Blocks(Blocks { axis, block, inner }),
        }
    }

    /// Which parameters the element `i` has.
    fn parameters_of(&self, i: usize) -> usize {
        match self.granularity {
            Granularity::Tensor => 0,
            Granularity::Axis { inner } => i / inner % self.params,
            Granularity::Blocks(Blocks { axis, block, inner }) => {
                let (outer, along) = (i / inner / axis, i / inner % axis);
                (outer * axis.div_ceil(block) + along / block) * inner + i % inner
            }
        }
    }
}

/// Parameters that are spread so.
fn spread<Q: Code>(params: &[QuantParams<Q>], granularity: Granularity) -> Params<'_, Q> {
    match granularity {
        Granularity::Tensor => params[0].into(),
        Granularity::Axis { inner } => Params::per_axis(params, inner),
        Granularity::Blocks(blocks) => Params::per_block(params, blocks),
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
    let sets = spread(params, shape.granularity);
    reference::quantize(x.slice(), sets, &mut codes).unwrap();
    tier.quantize(x.slice(), sets, out.slice_mut()).unwrap();
    reference::dequantize(&codes, sets, &mut y).unwrap();
    tier.dequantize(&codes, sets, out_y.slice_mut()).unwrap();
    reference::fake_quantize(x.slice(), sets, &mut fake).unwrap();
    tier.fake_quantize(x.slice(), sets, out_fake.slice_mut()).unwrap();
    assert_eq!(out.checked(), codes, "{tier}, {shape:?}, {params:?}");
    assert_eq!(bits(out_y.checked()), bits(&y), "{tier}, {shape:?}");
    assert_eq!(bits(out_fake.checked()), bits(&fake), "{tier}, {shape:?}");
    assert_eq!(bits(&fake), bits(&y), "the reference, {shape:?}");
}

fn check_min_max(tier: Tier, x: &[f32], shape: Shape) {
    let (mut expected, mut found) = (vec![None; shape.params], vec![None; shape.params]);
    found.fill(Some(Range::new(7.0, 8.0)));
    reference::min_max_each(x, shape.granularity, &mut expected).unwrap();
    tier.min_max_each(x, shape.granularity, &mut found).unwrap();
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
        (1, 255, 1),
        (3, 256, 1),
        (2, 257, 1),
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
    let (params, all_params) =
        (spread(&params, small.granularity), spread(&all_params, shape.granularity));
    reference::quantize(&x, params, &mut codes).unwrap();
    reference::dequantize(&codes, params, &mut y).unwrap();
    tier.quantize(&all_x, all_params, out.slice_mut()).unwrap();
    tier.dequantize(out.slice(), all_params, out_y.slice_mut()).unwrap();
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
    let each = Multipliers::per_axis(multipliers, inner);
    let mut all = vec![each, each.with_bias(&bias)];
    if inner == 1 {
        // One multiplier and the biases of the last axis are as good as that multiplier for each channel.
        let one = multipliers[multipliers.len() / 2];
        let same = vec![one; multipliers.len()];
        let one = Multipliers::from(one).with_bias(&bias);
        let of_each = Multipliers::per_axis(&same, 1).with_bias(&bias);
        let [mut found, mut expected] = [(); 2].map(|()| vec![Q::MIN; accumulators.len()]);
        reference::requantize(accumulators, one, params, &mut found).unwrap();
        reference::requantize(accumulators, of_each, params, &mut expected).unwrap();
        assert_eq!(found, expected, "the reference, {one:?}, {params:?}");
        all.push(one);
    }
    for multipliers in all {
        let mut expected = vec![Q::MIN; accumulators.len()];
        reference::requantize(accumulators, multipliers, params, &mut expected).unwrap();
        let accumulators = Guarded::of(accumulators, 1, i32::MIN);
        let mut out = Guarded::new(expected.len(), 3, Q::MAX);
        let input = accumulators.slice();
        tier.requantize(input, multipliers, params, out.slice_mut()).unwrap();
        let context = || format!("{tier}, {multipliers:?}, {params:?}");
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

/// These elements, each `stride` after the one before it, with others between them and `tail` after the
/// last.
fn apart<T: Copy>(elements: &[T], [stride, tail]: [usize; 2], others: &[T]) -> Vec<T> {
    let mut all = Vec::new();
    for (i, &element) in elements.iter().enumerate() {
        all.push(element);
        let between = if i + 1 < elements.len() { stride - 1 } else { tail };
        all.extend(others.iter().cycle().skip(i % others.len()).take(between));
    }
    all
}

/// Scales that can't be quantized by, to lie between those that count.
const NO_SCALES: [f32; 6] = [f32::NAN, 0.0, f32::INFINITY, -1.0, 1e-40, f32::MAX];

/// Scales and zero points as slices of their own, one for each set of parameters, and how they lie there:
/// the stride, and how many elements follow the last that counts.
struct Parts<'a, Q> {
    scales: &'a [f32],
    zero_points: &'a [Q],
    lie: [usize; 2],
}

impl<Q: Code> Parts<'_, Q> {
    /// Calls a function with the parameters, once with the first zero point for all of them and once with
    /// each its own, and with the zero points that these are.
    fn each_way(&self, granularity: Granularity, check: impl Fn(Params<'_, Q>, &[Q])) {
        let [stride, tail] = self.lie;
        let scales = apart(self.scales, self.lie, &NO_SCALES);
        // As many of them count, though the slices end differently.
        let tail = stride - 1 - tail;
        let others = [Q::MIN, code(77), Q::MAX];
        let zero_points = apart(self.zero_points, [stride, tail], &others);
        let same = self.zero_points[0];
        let params = Params::parts(&scales, same, granularity).with_stride(stride);
        check(params, &vec![same; self.zero_points.len()]);
        let params = Params::parts(&scales, &zero_points, granularity).with_stride(stride);
        check(params, self.zero_points);
    }
}

/// Scales and zero points as slices are as good as the sets of parameters that they make, and those as good
/// with others between them.
fn check_parts<Q: Code>(tier: Tier, parts: &Parts<'_, Q>, shape: Shape) {
    let n = shape.elements;
    let x = around_ties(parts.scales, shape);
    let x = Guarded::of(&x, n % 5, f32::NAN);
    let codes: Vec<Q> = (0..n).map(|i| code((i * 31 + i / 256) as u8)).collect();
    let check = |params: Params<'_, Q>, zero_points: &[Q]| {
        let scales = parts.scales.iter();
        let sets: Vec<_> = scales
            .zip(zero_points)
            .map(|(&scale, &zero_point)| QuantParams::new(scale, zero_point).unwrap())
            .collect();
        let mut expected = vec![Q::MIN; n];
        let (mut y, mut fake) = (vec![0.0; n], vec![0.0; n]);
        let whole = spread(&sets, shape.granularity);
        reference::quantize(x.slice(), whole, &mut expected).unwrap();
        reference::dequantize(&codes, whole, &mut y).unwrap();
        reference::fake_quantize(x.slice(), whole, &mut fake).unwrap();

        let others = kinds_of_params(3).concat();
        let sets_apart = apart(&sets, parts.lie, &others);
        let whole_apart = spread(&sets_apart, shape.granularity).with_stride(parts.lie[0]);
        for params in [params, whole_apart] {
            let context = || format!("{tier}, {shape:?}, {params:?}");
            let (mut of_reference, mut y_of_reference) = (vec![Q::MAX; n], vec![1.0; n]);
            reference::quantize(x.slice(), params, &mut of_reference).unwrap();
            assert_eq!(of_reference, expected, "the reference, {}", context());
            reference::dequantize(&codes, params, &mut y_of_reference).unwrap();
            assert_eq!(bits(&y_of_reference), bits(&y), "the reference, {}", context());
            reference::fake_quantize(x.slice(), params, &mut y_of_reference).unwrap();
            assert_eq!(bits(&y_of_reference), bits(&fake), "the reference, {}", context());

            let mut out = Guarded::new(n, n % 3, Q::MAX);
            tier.quantize(x.slice(), params, out.slice_mut()).unwrap();
            assert_eq!(out.checked(), expected, "quantize, {}", context());
            let mut out = Guarded::new(n, n % 3, 1.0);
            tier.dequantize(&codes, params, out.slice_mut()).unwrap();
            assert_eq!(bits(out.checked()), bits(&y), "dequantize, {}", context());
            let mut out = Guarded::new(n, n % 5, 1.0);
            tier.fake_quantize(x.slice(), params, out.slice_mut()).unwrap();
            assert_eq!(bits(out.checked()), bits(&fake), "fake_quantize, {}", context());
        }
    };
    parts.each_way(shape.granularity, check);
}

/// Special values, and around each half of a step by the element's own scale.
fn around_ties(scales: &[f32], shape: Shape) -> Vec<f32> {
    let of = |(i, special): (usize, f32)| {
        if i % 97 == 3 {
            return special;
        }
        let steps = (i % 1201 * 7919 % 1201) as f32 * 0.5 - 300.0;
        let tie = steps * scales[shape.parameters_of(i)];
        f32::from_bits(tie.to_bits().wrapping_add_signed(i as i32 % 5 - 2))
    };
    values(shape.elements).into_iter().enumerate().map(of).collect()
}

/// `(q − z) · s` of any scales that are finite.
fn check_dequantize_parts<Q: Code>(tier: Tier, parts: &Parts<'_, Q>, shape: Shape) {
    let n = shape.elements;
    let codes: Vec<Q> = (0..n).map(|i| code((i * 31 + i / 256) as u8)).collect();
    parts.each_way(shape.granularity, |params, zero_points| {
        let value = |(i, &code): (usize, &Q)| {
            let p = shape.parameters_of(i);
            (code.into() - zero_points[p].into()) as f32 * parts.scales[p]
        };
        let expected: Vec<_> = codes.iter().enumerate().map(value).collect();
        let mut of_reference = vec![1.0; n];
        reference::dequantize(&codes, params, &mut of_reference).unwrap();
        assert_eq!(bits(&of_reference), bits(&expected), "the reference, {shape:?}, {params:?}");
        let mut out = Guarded::new(n, n % 3, 1.0);
        tier.dequantize(&codes, params, out.slice_mut()).unwrap();
        assert_eq!(bits(out.checked()), bits(&expected), "{tier}, {shape:?}, {params:?}");
    });
}

/// Of each kind of panel: runs that are long, whole vectors, short, of one element; cut off at the end of
/// an axis; and one for all.
fn shapes_of_every_kind() -> [Shape; 12] {
    [
        Shape::tensor(5),
        Shape::tensor(700),
        Shape::channels(2, 3, 300),
        Shape::channels(1, 5, 64),
        Shape::channels(3, 7, 16),
        Shape::channels(3, 7, 9),
        Shape::channels(5, 70, 1),
        Shape::channels(1, 1030, 1),
        Shape::blocks(3, 100, 32, 1),
        Shape::blocks(2, 300, 140, 1),
        Shape::blocks(2, 9, 4, 5),
        Shape::blocks(1, 5, 2, 65),
    ]
}

/// Every stride, and every number of elements that may follow.
fn ways_to_lie() -> impl Iterator<Item = [usize; 2]> {
    (1..=4).flat_map(|stride| (0..stride).map(move |tail| [stride, tail]))
}

#[test]
fn parts_of_every_kind() {
    fn check<Q: Code>(tier: Tier, shape: Shape) {
        for sets in kinds_of_params::<Q>(shape.params) {
            let scales: Vec<_> = sets.iter().map(|params| params.scale()).collect();
            let zero_points: Vec<_> = sets.iter().map(|params| params.zero_point()).collect();
            for lie in ways_to_lie() {
                let parts = Parts { scales: &scales, zero_points: &zero_points, lie };
                check_parts(tier, &parts, shape);
            }
        }
    }
    for tier in Tier::available() {
        for shape in shapes_of_every_kind() {
            check::<u8>(tier, shape);
            check::<i8>(tier, shape);
        }
    }
}

/// Finite numbers that [`QuantParams`] don't take as scales, or not with every zero point, and some that
/// they do.
const FINITE_SCALES: [f32; 14] = [
    0.0,
    -0.0,
    1e-45,
    -1e-45,
    1e-40,
    -MIN_SCALE,
    MIN_SCALE,
    -0.7,
    0.7,
    -3e30,
    2e36,
    f32::MAX / 2.0,
    f32::MAX,
    f32::MIN,
];

#[test]
fn dequantize_by_any_finite_scale() {
    fn check<Q: Code>(tier: Tier, shape: Shape) {
        let n = shape.params;
        let scales = FINITE_SCALES.into_iter().cycle();
        let of_each: Vec<_> =
            (0..FINITE_SCALES.len()).map(|i| scales.clone().skip(i).take(n).collect()).collect();
        let alike = FINITE_SCALES.map(|scale| vec![scale; n]);
        for scales in [of_each, alike.to_vec()].concat() {
            for zero_point in [0, 0x80, 37] {
                let zero_points: Vec<_> =
                    (0..n).map(|p| code::<Q>((p * 11) as u8 ^ zero_point)).collect();
                let lie = [1 + n % 4, n % 4];
                let parts = Parts { scales: &scales, zero_points: &zero_points, lie };
                check_dequantize_parts(tier, &parts, shape);
            }
        }
    }
    for tier in Tier::available() {
        for shape in shapes_of_every_kind() {
            check::<u8>(tier, shape);
            check::<i8>(tier, shape);
        }
    }
}

/// Most of them ordinary, so that now and then all are.
fn any_scale() -> impl Strategy<Value = f32> {
    prop_oneof![
        30 => 1e-3_f32..10.0,
        1 => (MIN_SCALE.to_bits()..=1e36_f32.to_bits()).prop_map(f32::from_bits),
    ]
}

fn any_finite_scale() -> impl Strategy<Value = f32> {
    let any_bits = any::<u32>().prop_map(f32::from_bits);
    prop_oneof![
        1 => any_scale(),
        2 => prop::sample::select(FINITE_SCALES.to_vec()),
        4 => any_bits.prop_filter("not finite", |scale| scale.is_finite()),
    ]
}

fn any_shape() -> impl Strategy<Value = Shape> {
    prop_oneof![
        1 => (1_usize..600).prop_map(Shape::tensor),
        4 => (1_usize..5, 1_usize..80, 1_usize..80).prop_map(|(outer, channels, inner)| {
            Shape::channels(outer, channels, inner)
        }),
        4 => (1_usize..4, 1_usize..200, 1_usize..140, 1_usize..4).prop_map(
            |(outer, axis, block, inner)| Shape::blocks(outer, axis, block, inner)
        ),
    ]
}

/// Zero points: 0 for all, or any.
fn any_zero_points() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![Just(vec![0]), prop::collection::vec(any::<u8>(), 1..100)]
}

fn any_way_to_lie() -> impl Strategy<Value = [usize; 2]> {
    (1_usize..=4).prop_flat_map(|stride| (0..stride).prop_map(move |tail| [stride, tail]))
}

/// As many of these as there are parameters, over and over.
fn repeated<T: Copy, R>(elements: &[T], shape: Shape, of: fn(T) -> R) -> Vec<R> {
    elements.iter().copied().map(of).cycle().take(shape.params).collect()
}

proptest! {
    #[test]
    fn any_parts(
        shape in any_shape(),
        scales in prop::collection::vec(any_scale(), 1..100),
        zero_points in any_zero_points(),
        lie in any_way_to_lie(),
    ) {
        let scales = &repeated(&scales, shape, |scale| scale);
        let unsigned: &[u8] = &repeated(&zero_points, shape, |z| z);
        let signed: &[i8] = &repeated(&zero_points, shape, code);
        for tier in tiers() {
            check_parts(tier, &Parts { scales, zero_points: unsigned, lie }, shape);
            check_parts(tier, &Parts { scales, zero_points: signed, lie }, shape);
        }
    }

    #[test]
    fn any_finite_scales(
        shape in any_shape(),
        scales in prop::collection::vec(any_finite_scale(), 1..100),
        zero_points in any_zero_points(),
        lie in any_way_to_lie(),
    ) {
        let scales = &repeated(&scales, shape, |scale| scale);
        let unsigned: &[u8] = &repeated(&zero_points, shape, |z| z);
        let signed: &[i8] = &repeated(&zero_points, shape, code);
        for tier in tiers() {
            check_dequantize_parts(tier, &Parts { scales, zero_points: unsigned, lie }, shape);
            check_dequantize_parts(tier, &Parts { scales, zero_points: signed, lie }, shape);
        }
    }
}

/// What `quantize`, `fake_quantize` and `dequantize` of six elements say to these parameters: the same on a
/// tier and by the reference. Where it is an error, nothing is written.
fn of_six(tier: Tier, params: Params<'_, u8>) -> [Result<(), Error>; 3] {
    let (x, codes) = ([1.0; 6], [9; 6]);
    let [found, by_reference] = [Some(tier), None].map(|tier| {
        let (mut out, mut fake, mut y) = ([7; 6], [7.0; 6], [7.0; 6]);
        let found = match tier {
            Some(tier) => [
                tier.quantize(&x, params, &mut out),
                tier.fake_quantize(&x, params, &mut fake),
                tier.dequantize(&codes, params, &mut y),
            ],
            None => [
                reference::quantize(&x, params, &mut out),
                reference::fake_quantize(&x, params, &mut fake),
                reference::dequantize(&codes, params, &mut y),
            ],
        };
        assert!(found[0].is_ok() || out == [7; 6], "{params:?}");
        assert!(found[1].is_ok() || fake == [7.0; 6], "{params:?}");
        assert!(found[2].is_ok() || y == [7.0; 6], "{params:?}");
        found
    });
    // As text, since NaN is not equal to itself.
    assert_eq!(format!("{found:?}"), format!("{by_reference:?}"), "{tier}, {params:?}");
    found
}

#[test]
fn parts_that_do_not_fit() {
    let pairs = Granularity::Axis { inner: 2 };
    let ok = Ok::<(), Error>(());
    for tier in Tier::available() {
        let check = |params: Params<'_, u8>, quantize: Result<(), Error>, dequantize| {
            let expected = [quantize, quantize, dequantize];
            let found = of_six(tier, params);
            assert_eq!(format!("{found:?}"), format!("{expected:?}"), "{tier}, {params:?}");
        };
        let both = |params: Params<'_, u8>, error: Error| check(params, Err(error), Err(error));

        // One of three scales is none; with a stride, those between are worse.
        for scale in [
            0.0,
            -0.0,
            1e-45,
            1e-40,
            MIN_SCALE.next_down(),
            -MIN_SCALE,
            -1.0,
            f32::MIN,
            f32::NAN,
            -f32::NAN,
            f32::INFINITY,
            f32::NEG_INFINITY,
        ] {
            for p in 0..3 {
                // The index is that of the slice, with what lies between.
                let number = |expected, stride| {
                    let (argument, index) = ("scales", Some(p * stride));
                    Err(Error::Number { argument, index, value: scale.into(), expected })
                };
                let mut scales = [0.5; 3];
                // The first one that is none is named.
                scales[p..].fill(scale);
                for lie in ways_to_lie() {
                    let scales = apart(&scales, lie, &NO_SCALES);
                    let params = Params::parts(&scales, 3, pairs).with_stride(lie[0]);
                    let to_quantize = number("a finite number of at least 1.1754944e-38", lie[0]);
                    let to_dequantize =
                        if scale.is_finite() { ok } else { number("a finite number", lie[0]) };
                    check(params, to_quantize, to_dequantize);
                }
            }
        }
        check(Params::parts(&[MIN_SCALE; 3], 3, pairs), ok, ok);

        // A code that would dequantize to infinity: by the zero point of the same set.
        let (argument, index, scale) = ("scales", Some(1), 2e36);
        let scales = [0.5, scale, scale];
        for (zero_point, distance) in [(0, 255), (255, 255), (100, 155)] {
            let overflow = Err(Error::Overflow { argument, index, scale, distance });
            let expected = if f64::from(scale) * f64::from(distance) > f64::from(f32::MAX) {
                overflow
            } else {
                ok
            };
            check(Params::parts(&scales, zero_point, pairs), expected, ok);
            check(Params::parts(&scales, &[0, zero_point, 128], pairs), expected, ok);
        }

        // Another number of zero points.
        let zero_points = [3; 9];
        for len in [0, 1, 2, 4, 9] {
            let (argument, of, there) = ("zero_points", "scales", 3);
            let params = Params::parts(&[0.5; 3], &zero_points[..len], pairs);
            both(params, Error::Length { argument, len, of, there });
            // Every other one of five or six scales, and of as many zero points more.
            for scales in [&[0.5; 5][..], &[0.5; 6]] {
                let params = Params::parts(scales, &zero_points[..len], pairs).with_stride(2);
                both(params, Error::Length { argument, len: len.div_ceil(2), of, there });
            }
        }
        // It comes before the shape, and that before scales that are none.
        let params = Params::parts(&[0.0; 4], &zero_points[..2], pairs);
        both(params, Error::Length { argument: "zero_points", len: 2, of: "scales", there: 4 });
        let shape =
            |argument| Err(Error::Shape { argument, elements: 6, shape: [None, Some(4), Some(2)] });
        let params = Params::parts(&[f32::NAN; 4], 0, pairs);
        check(params, shape("x"), shape("codes"));

        // No stride, of whatever there are several of.
        let (argument, index, value, expected) = ("stride", None, 0.0, "at least 1");
        let no_stride = Error::Number { argument, index, value, expected };
        let sets = [QuantParams::new(0.5, 3).unwrap(); 3];
        let thirds = Blocks::of_rows(6, 2);
        for params in [
            Params::parts(&[0.5; 3], 3, pairs),
            Params::parts(&[0.5; 3], &[3; 3], Granularity::Blocks(thirds)),
            Params::parts(&[0.5], 3, Granularity::Tensor),
            Params::parts(&[], &[], pairs),
            Params::per_axis(&sets, 2),
            Params::per_block(&sets, thirds),
        ] {
            both(params.with_stride(0), no_stride);
        }
        // Of one set there is nothing to be apart.
        check(Params::from(sets[0]).with_stride(0), ok, ok);

        // For the whole tensor, or for blocks, another number of scales.
        for len in [0, 2, 3] {
            let argument = "scales";
            let scales = &[0.5; 3][..len];
            let params = Params::parts(scales, 3, Granularity::Tensor);
            both(params, Error::Length { argument, len, of: "tensor", there: 1 });
            let params = Params::parts(scales, 3, Granularity::Blocks(Blocks::of_rows(6, 4)));
            match len {
                2 => check(params, ok, ok),
                _ => both(params, Error::Length { argument, len, of: "blocks", there: 2 }),
            }
        }
        check(Params::parts(&[0.5; 1], &[3; 1], Granularity::Tensor), ok, ok);
        let first = Params::parts(&[0.5, f32::NAN], 3, Granularity::Tensor).with_stride(2);
        check(first, ok, ok);
        let params = Params::parts(&[0.5; 3], 3, Granularity::Tensor).with_stride(2);
        both(params, Error::Length { argument: "scales", len: 2, of: "tensor", there: 1 });

        // Without elements there may be any number of channels, but of scales that do.
        let of_none = |params: Params<'_, u8>| {
            [tier.quantize(&[], params, &mut []), reference::quantize(&[], params, &mut [])]
        };
        assert_eq!(of_none(Params::parts(&[], 3, pairs)), [ok; 2]);
        assert_eq!(of_none(Params::parts(&[0.5; 3], &[3; 3], pairs)), [ok; 2]);
        let zero = of_none(Params::parts(&[0.5, 0.0], 3, pairs));
        let (argument, index) = ("scales", Some(1));
        let expected = "a finite number of at least 1.1754944e-38";
        assert_eq!(zero, [Err(Error::Number { argument, index, value: 0.0, expected }); 2]);

        // A shape without elements may be one that overflows: with more sets than are made at a time.
        let scales = [0.5; 300];
        let uncounted = Params::parts(&scales, 3, Granularity::Axis { inner: usize::MAX });
        assert_eq!(of_none(uncounted), [ok; 2]);
        assert_eq!(tier.dequantize(&[], uncounted, &mut []), ok);
        assert_eq!(tier.fake_quantize(&[], uncounted, &mut []), ok);

        // What is written has another length: that comes first.
        let length = Error::Length { argument: "out", len: 5, of: "elements of `x`", there: 6 };
        let params = Params::parts(&[0.0; 4], 3_u8, pairs).with_stride(0);
        assert_eq!(tier.quantize(&[1.0; 6], params, &mut [7; 5]), Err(length));
        assert_eq!(tier.fake_quantize(&[1.0; 6], params, &mut [7.0; 5]), Err(length));
        let length = Error::Length { argument: "out", len: 5, of: "elements of `codes`", there: 6 };
        assert_eq!(tier.dequantize(&[1; 6], params, &mut [7.0; 5]), Err(length));
    }
}

#[test]
fn shapes_that_do_not_fit() {
    let params = [QuantParams::<u8>::new(1.0, 0).unwrap(); 3];
    for tier in Tier::available() {
        let mut out = [0; 20];
        for (elements, inner) in [(20, 1), (20, 7), (20, 0), (20, usize::MAX), (2, 1)] {
            let x = vec![0.0; elements];
            let sets = Params::per_axis(&params, inner);
            let error = tier.quantize(&x, sets, &mut out[..elements]);
            let expected = |argument| {
                Err(Error::Shape { argument, elements, shape: [None, Some(3), Some(inner)] })
            };
            assert_eq!(error, expected("x"));
            let mut y = vec![0.0; elements];
            let codes = &out[..elements];
            assert_eq!(tier.dequantize(codes, sets, &mut y), expected("codes"));
            assert_eq!(tier.fake_quantize(&x, sets, &mut y), expected("x"));
            let each = Granularity::Axis { inner };
            assert_eq!(tier.min_max_each(&x, each, &mut [None; 3]), expected("x"));
            let multipliers = [Multiplier::real(1.0).unwrap(); 3];
            let accumulators = vec![0; elements];
            let out = &mut out[..elements];
            let multipliers = Multipliers::per_axis(&multipliers, inner);
            let error = tier.requantize(&accumulators, multipliers, params[0], out);
            assert_eq!(error, expected("accumulators"));
        }
        // Channels and an axis of so many elements that their number wraps around to what is there.
        let third = usize::MAX / 3 * 2 + 1; // 3 · third = 1
        let (elements, inner) = (20, third.wrapping_mul(20));
        let error = tier.quantize(&[0.0; 20], Params::per_axis(&params, inner), &mut [0; 20]);
        let text = format!("`x`, of {elements} elements, is not of the shape [any, 3, {inner}]");
        assert_eq!(error.unwrap_err().to_string(), text);
        let blocks = Blocks { axis: inner, block: usize::MAX, inner: 3 };
        let error = tier.quantize(&[0.0; 20], Params::per_block(&params, blocks), &mut [0; 20]);
        let text = format!("`x`, of {elements} elements, is not of the shape [any, {inner}, 3]");
        assert_eq!(error.unwrap_err().to_string(), text);
        let none: [QuantParams<u8>; 0] = [];
        assert!(tier.quantize(&[1.0], Params::per_axis(&none, 1), &mut [0]).is_err());
        assert_eq!(tier.quantize(&[], Params::per_axis(&none, 1), &mut []), Ok(()));
        assert_eq!(tier.quantize(&[], Params::per_axis(&params, 0), &mut []), Ok(()));
        let mut ranges = [Some(Range::new(0.0, 1.0)); 2];
        assert_eq!(tier.min_max_each(&[], Granularity::Axis { inner: 5 }, &mut ranges), Ok(()));
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
            let sets = Params::per_block(&params, blocks);
            let error = tier.quantize(&[0.0; 20], sets, &mut [0; 20]);
            assert_eq!(error.unwrap_err().to_string(), text);
            let error = tier.min_max_each(&[0.0; 20], Granularity::Blocks(blocks), &mut [None; 3]);
            assert_eq!(error.unwrap_err().to_string(), text.replace("`params`", "`out`"));
        }
        let huge = blocks(usize::MAX, 4, usize::MAX);
        let per_huge_block = Params::per_block(&params, huge);
        assert!(tier.quantize(&[0.0; 20], per_huge_block, &mut [0; 20]).is_err());
        // No elements are whole axes of every length.
        assert_eq!(tier.quantize(&[], Params::per_block(&none, huge), &mut []), Ok(()));
        assert_eq!(tier.quantize(&[], Params::per_block(&none, blocks(10, 3, 1)), &mut []), Ok(()));
        let length = Error::Length { argument: "out", len: 4, of: "elements of `x`", there: 3 };
        let error = tier.quantize(&[0.0; 3], Params::per_axis(&params, 1), &mut [0; 4]);
        assert_eq!(error, Err(length));
        let error = tier.min_max_each(&[0.0; 3], Granularity::Tensor, &mut [None; 2]);
        let length = Error::Length { argument: "out", len: 2, of: "tensor", there: 1 };
        assert_eq!(error, Err(length));
    }
    let multipliers = [
        Multiplier::real(0.5).unwrap(),
        Multiplier::real(0.25).unwrap(),
        Multiplier::fixed(0.5).unwrap(),
    ];
    let requantize =
        |multipliers| zeropoint::requantize(&[0; 6], multipliers, params[0], &mut [0; 6]);
    let mixed = Error::MixedMultipliers { channel: 2 };
    assert_eq!(requantize(Multipliers::per_axis(&multipliers, 1)), Err(mixed));
    let two = Multipliers::per_axis(&multipliers[..2], 1);
    let error = requantize(two.with_bias(&[1, 2, 3])).unwrap_err();
    let text = "`bias` has 3 elements for the 2 elements of `multipliers`";
    assert_eq!(error.to_string(), text);
    // One multiplier for as many channels as there are biases.
    let one = Multipliers::from(multipliers[0]);
    assert_eq!(requantize(one.with_bias(&[1, 2, 3])), Ok(()));
    let (argument, elements) = ("accumulators", 6);
    for bias in [&[][..], &[0; 4], &[0; 7]] {
        let shape = [None, Some(bias.len()), Some(1)];
        let error = Error::Shape { argument, elements, shape };
        assert_eq!(requantize(one.with_bias(bias)), Err(error));
    }
}
