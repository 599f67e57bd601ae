//! No kernel reads or writes outside its slices: each begins right after a page that can't be
//! touched, or ends right before one.
#![cfg(unix)]
#![allow(unsafe_code, reason = "pages are asked for and slices are made of them")]

mod common;

use common::{code, values};
use rustix::mm::{MapFlags, MprotectFlags, ProtFlags, mmap_anonymous, mprotect, munmap};
use std::ffi::c_void;
use std::fmt::Debug;
use std::marker::PhantomData;
use std::ptr;
use zeropoint::calibrate::Histogram;
use zeropoint::gemm::{Activations, Linear, Scratch, Weights};
use zeropoint::image::{Border, Windows, im2col};
use zeropoint::norm::Norm;
use zeropoint::{
    Blocks, Code, Code8, Granularity, Multiplier, Multipliers, Params, QuantParams, Range, Rows,
    Scheme, Tier, ZeroPoints, reference,
};

/// The end of a slice at which memory ends.
#[derive(Clone, Copy, Debug)]
enum End {
    First,
    Last,
}

/// Elements with a page before and after them that can't be touched, one of them right beside them.
struct Fenced<T> {
    map: *mut c_void,
    map_len: usize,
    first: *mut T,
    len: usize,
    owns: PhantomData<T>,
}

impl<T: Copy> Fenced<T> {
    fn of(elements: &[T], end: End) -> Self {
        let page = rustix::param::page_size();
        let bytes = size_of_val(elements);
        let inner = bytes.next_multiple_of(page).max(page);
        let map_len = inner + 2 * page;
        // SAFETY: a new mapping, wherever there is room for it.
        let map = unsafe {
            let access = ProtFlags::READ | ProtFlags::WRITE;
            mmap_anonymous(ptr::null_mut(), map_len, access, MapFlags::PRIVATE)
        }
        .unwrap();
        for fence in [map, map.wrapping_byte_add(page + inner)] {
            // SAFETY: a page of the mapping, which nothing has a reference to.
            unsafe { mprotect(fence, page, MprotectFlags::empty()) }.unwrap();
        }
        let offset = match end {
            End::First => 0,
            End::Last => inner - bytes,
        };
        let first = map.wrapping_byte_add(page + offset).cast::<T>();
        assert!(first.is_aligned());
        let len = elements.len();
        // SAFETY: there is room for so many between the fences.
        unsafe { ptr::copy_nonoverlapping(elements.as_ptr(), first, len) };
        Self { map, map_len, first, len, owns: PhantomData }
    }

    fn slice(&self) -> &[T] {
        // SAFETY: `of` has put so many elements there, which live as long as the mapping.
        unsafe { std::slice::from_raw_parts(self.first, self.len) }
    }

    fn slice_mut(&mut self) -> &mut [T] {
        // SAFETY: as above, and they are borrowed from `self`, which owns them.
        unsafe { std::slice::from_raw_parts_mut(self.first, self.len) }
    }
}

impl<T> Drop for Fenced<T> {
    fn drop(&mut self) {
        // SAFETY: the mapping is this one's own, and there are no references to it any more.
        unsafe { munmap(self.map, self.map_len) }.unwrap();
    }
}

/// Every length up to four of the longest quads, and some up to and beyond groups and tiles.
fn lengths() -> impl Iterator<Item = usize> {
    (0..=4 * 64).chain([257, 300, 511, 513, 575, 1023, 1025])
}

/// Runs an operation with a fenced output; it must write what the reference does.
fn same<T: Copy + PartialEq + Debug>(
    end: End,
    before: &[T],
    context: &dyn Debug,
    by_reference: impl FnOnce(&mut [T]),
    on_tier: impl FnOnce(&mut [T]),
) {
    let mut expected = before.to_vec();
    by_reference(&mut expected);
    let mut out = Fenced::of(before, end);
    on_tier(out.slice_mut());
    assert_eq!(out.slice(), expected, "{context:?}");
}

/// Calls a check on every tier, for every length, at both ends.
fn everywhere(check: impl Fn(Tier, usize, End)) {
    for tier in Tier::available() {
        for n in lengths() {
            for end in [End::First, End::Last] {
                check(tier, n, end);
            }
        }
    }
}

/// Codes of all values.
fn codes<Q: Code>(n: usize) -> Vec<Q> {
    (0..n).map(|i| code((i * 31) as u8)).collect()
}

fn accumulators(n: usize) -> Vec<i32> {
    (0..n as i32).map(|i| i.wrapping_mul(1_234_567)).collect()
}

/// The scales and the zero points of parameters, each by themselves.
struct FencedParts<Q> {
    scales: Fenced<f32>,
    zero_points: Fenced<Q>,
}

impl<Q: Code> FencedParts<Q> {
    fn of(params: &[QuantParams<Q>], end: End) -> Self {
        let scales: Vec<_> = params.iter().map(|params| params.scale()).collect();
        let zero_points: Vec<_> = params.iter().map(|params| params.zero_point()).collect();
        Self { scales: Fenced::of(&scales, end), zero_points: Fenced::of(&zero_points, end) }
    }

    fn params(&self, granularity: Granularity) -> Params<'_, Q> {
        Params::parts(self.scales.slice(), self.zero_points.slice(), granularity)
    }
}

/// Of every third channel the division is asked for.
fn params<Q: Code>(n: usize) -> Vec<QuantParams<Q>> {
    let of = |i: usize| match i % 3 {
        2 => QuantParams::new(1e30, code(3)),
        _ => QuantParams::new(0.75 + i as f32 * 0.01, code((i * 11) as u8)),
    };
    (0..n).map(|i| of(i).unwrap()).collect()
}

fn elementwise<Q: Code8>(tier: Tier, n: usize, end: End) {
    let (x, y) = (values(n), vec![1.0; n]);
    let x = Fenced::of(&x, end);
    let x = x.slice();
    let codes = codes::<Q>(n);
    let accumulators = Fenced::of(&accumulators(n), end);
    let accumulators = accumulators.slice();
    let (real, fixed) = (Multiplier::real(0.001), Multiplier::fixed(0.001));
    assert_eq!(tier.min_max(x), reference::min_max(x));
    let [mut histogram, mut expected] = [Histogram::new(), Histogram::new()];
    histogram.add_on(tier, x);
    expected.add_on(Tier::SCALAR, x);
    assert_eq!(histogram, expected, "{tier}, {n}, {end:?}");
    for params in params(3) {
        let context = (tier, n, end, params);
        same(
            end,
            &codes,
            &context,
            |out| reference::quantize(x, params, out).unwrap(),
            |out| tier.quantize(x, params, out).unwrap(),
        );
        let input = Fenced::of(&codes, end);
        let input = input.slice();
        same(
            end,
            &y,
            &context,
            |out| reference::dequantize(input, params, out).unwrap(),
            |out| tier.dequantize(input, params, out).unwrap(),
        );
        same(
            end,
            &y,
            &context,
            |out| reference::fake_quantize(x, params, out).unwrap(),
            |out| tier.fake_quantize(x, params, out).unwrap(),
        );
        for multiplier in [real, fixed].map(Result::unwrap) {
            same(
                end,
                &codes,
                &context,
                |out| reference::requantize(accumulators, multiplier, params, out).unwrap(),
                |out| {
                    tier.requantize(accumulators, multiplier, params, out).unwrap();
                },
            );
        }
        let to = QuantParams::<i8>::new(0.5, 7).unwrap();
        same(
            end,
            &vec![0; n],
            &context,
            |out| reference::rescale(input, params, to, out).unwrap(),
            |out| tier.rescale(input, params, to, out).unwrap(),
        );
        let table: [i8; 256] = core::array::from_fn(|i| (i * 7) as i8);
        same(
            end,
            &vec![0; n],
            &context,
            |out| reference::lut(input, &table, out).unwrap(),
            |out| tier.lut(input, &table, out).unwrap(),
        );
        same(
            end,
            &codes,
            &context,
            |out| reference::relu(out, code(100)),
            |out| tier.relu(out, code(100)),
        );
    }
}

#[test]
fn of_elementwise_operations() {
    everywhere(elementwise::<u8>);
    everywhere(elementwise::<i8>);
}

fn wide<Q: Code>(tier: Tier, n: usize, end: End) {
    let context = (tier, n, end);
    let (x, accumulators) = (values(n), accumulators(n));
    let input: Vec<Q> = accumulators.iter().map(|&acc| Q::from_i32(acc >> 14)).collect();
    let (x, input) = (Fenced::of(&x, end), Fenced::of(&input, end));
    let accumulators = Fenced::of(&accumulators, end);
    let sets = [QuantParams::new(0.01, Q::from_i32(1000)).unwrap(); 2];
    let multiplier = Multiplier::real(1e-4).unwrap();
    let before = vec![Q::MAX; n];
    let each = Params::per_axis(&sets[..1], 1);
    for params in [sets[0].into(), each, Params::per_axis(&sets, 1)] {
        if n.is_multiple_of(2) {
            same(
                end,
                &before,
                &context,
                |out| reference::quantize(x.slice(), params, out).unwrap(),
                |out| tier.quantize(x.slice(), params, out).unwrap(),
            );
            same(
                end,
                &vec![0.0; n],
                &context,
                |out| reference::dequantize(input.slice(), params, out).unwrap(),
                |out| tier.dequantize(input.slice(), params, out).unwrap(),
            );
        }
    }
    same(
        end,
        &before,
        &context,
        |out| reference::quantize(x.slice(), sets[0], out).unwrap(),
        |out| tier.quantize(x.slice(), sets[0], out).unwrap(),
    );
    same(
        end,
        &vec![0.0; n],
        &context,
        |out| reference::dequantize(input.slice(), sets[0], out).unwrap(),
        |out| tier.dequantize(input.slice(), sets[0], out).unwrap(),
    );
    same(
        end,
        &before,
        &context,
        |out| reference::requantize(accumulators.slice(), multiplier, sets[0], out).unwrap(),
        |out| tier.requantize(accumulators.slice(), multiplier, sets[0], out).unwrap(),
    );
}

#[test]
fn of_elementwise_operations_on_16_bits() {
    everywhere(wide::<u16>);
    everywhere(wide::<i16>);
}

#[test]
fn of_dynamic_quantization() {
    everywhere(|tier, n, end| {
        let x: Vec<_> = (0..3 * n).map(|i| (i * 7919 % 2003) as f32).collect();
        let x = Fenced::of(&x, end);
        let x = x.slice();
        let (scheme, context) = (Scheme::<u8>::affine(), (tier, n, end));
        same(
            end,
            &vec![0; x.len()],
            &context,
            |out| {
                reference::quantize_dynamic(x, scheme, out).unwrap();
            },
            |out| {
                tier.quantize_dynamic(x, scheme, out).unwrap();
            },
        );
        let none = [QuantParams::default(); 3];
        let mut params = Fenced::of(&none, end);
        let mut expected = none;
        same(
            end,
            &vec![0; x.len()],
            &context,
            |out| reference::quantize_dynamic_rows(x, n, scheme, &mut expected, out).unwrap(),
            |out| {
                tier.quantize_dynamic_rows(x, n, scheme, params.slice_mut(), out).unwrap();
            },
        );
        assert_eq!(params.slice(), expected);
    });
}

/// `[outer, channels, inner]`, with `params` as fenced as the elements are.
fn channels<Q: Code>(tier: Tier, [outer, channels, inner]: [usize; 3], end: End) {
    let n = outer * channels * inner;
    let context = (tier, [outer, channels, inner], end);
    let (x, input) = (values(n), codes::<Q>(n));
    let (x, input) = (Fenced::of(&x, end), Fenced::of(&input, end));
    let (x, input) = (x.slice(), input.slice());
    let granularity = Granularity::Axis { inner };
    let (codes, y) = (vec![code(1); n], vec![1.0; n]);
    same(
        end,
        &vec![Some(Range::new(7.0, 8.0)); channels],
        &context,
        |out| reference::min_max_each(x, granularity, out).unwrap(),
        |out| tier.min_max_each(x, granularity, out).unwrap(),
    );
    let whole = params::<Q>(channels);
    let parts = FencedParts::of(&whole, end);
    let whole = Fenced::of(&whole, end);
    for params in [Params::per_axis(whole.slice(), inner), parts.params(granularity)] {
        same(
            end,
            &codes,
            &context,
            |out| reference::quantize(x, params, out).unwrap(),
            |out| tier.quantize(x, params, out).unwrap(),
        );
        same(
            end,
            &y,
            &context,
            |out| reference::dequantize(input, params, out).unwrap(),
            |out| tier.dequantize(input, params, out).unwrap(),
        );
        same(
            end,
            &y,
            &context,
            |out| reference::fake_quantize(x, params, out).unwrap(),
            |out| tier.fake_quantize(x, params, out).unwrap(),
        );
    }
    let accumulators = Fenced::of(&accumulators(n), end);
    let accumulators = accumulators.slice();
    let bias: Vec<_> = (0..channels as i32).map(|c| c * 1001 - 30_000).collect();
    let bias = Fenced::of(&bias, end);
    for multiplier in [Multiplier::real(0.001), Multiplier::fixed(0.001)] {
        let multipliers = Fenced::of(&vec![multiplier.unwrap(); channels], end);
        let multipliers = Multipliers::per_axis(multipliers.slice(), inner);
        let multipliers = multipliers.with_bias(bias.slice());
        let output = QuantParams::<Q>::new(1.0, code(5)).unwrap();
        same(
            end,
            &codes,
            &context,
            |out| reference::requantize(accumulators, multipliers, output, out).unwrap(),
            |out| tier.requantize(accumulators, multipliers, output, out).unwrap(),
        );
    }
}

#[test]
fn of_channels() {
    everywhere(|tier, n, end| {
        channels::<u8>(tier, [1, n, 1], end);
        channels::<i8>(tier, [2, n, 1], end);
        channels::<u8>(tier, [1, 2, n], end);
        channels::<i8>(tier, [1, n, 3], end);
    });
}

fn blocks<Q: Code>(tier: Tier, blocks: Blocks, end: End) {
    let n = blocks.axis * blocks.inner;
    let context = (tier, blocks, end);
    let (x, input) = (values(n), codes::<Q>(n));
    let (x, input) = (Fenced::of(&x, end), Fenced::of(&input, end));
    let (x, input) = (x.slice(), input.slice());
    let count = match n {
        0 => 0,
        _ => blocks.axis.div_ceil(blocks.block) * blocks.inner,
    };
    let granularity = Granularity::Blocks(blocks);
    let (codes, y) = (vec![code(1); n], vec![1.0; n]);
    same(
        end,
        &vec![None; count],
        &context,
        |out| reference::min_max_each(x, granularity, out).unwrap(),
        |out| tier.min_max_each(x, granularity, out).unwrap(),
    );
    let whole = params::<Q>(count);
    let parts = FencedParts::of(&whole, end);
    let whole = Fenced::of(&whole, end);
    for params in [Params::per_block(whole.slice(), blocks), parts.params(granularity)] {
        same(
            end,
            &codes,
            &context,
            |out| reference::quantize(x, params, out).unwrap(),
            |out| tier.quantize(x, params, out).unwrap(),
        );
        same(
            end,
            &y,
            &context,
            |out| reference::dequantize(input, params, out).unwrap(),
            |out| tier.dequantize(input, params, out).unwrap(),
        );
        same(
            end,
            &y,
            &context,
            |out| reference::fake_quantize(x, params, out).unwrap(),
            |out| tier.fake_quantize(x, params, out).unwrap(),
        );
    }
}

#[test]
fn of_blocks() {
    everywhere(|tier, n, end| {
        blocks::<u8>(tier, Blocks::of_rows(n, 32), end);
        blocks::<i8>(tier, Blocks::of_rows(n, 20), end);
        let along = Blocks { axis: 3, block: 2, inner: n };
        blocks::<u8>(tier, along, end);
    });
}

#[test]
fn of_sums() {
    everywhere(|tier, n, end| {
        let context = (tier, n, end);
        let x: Vec<_> = (0..2 * n).map(|i| (i * 7919 % 2003) as f32).collect();
        let (x, weight) = (Fenced::of(&x, end), Fenced::of(&x[..n], end));
        let (x, weight) = (x.slice(), weight.slice());
        assert_eq!(tier.moments(x), reference::moments(x));
        let (a, b) = (tier.fidelity(weight, &x[n..]), reference::fidelity(weight, &x[n..]));
        assert_eq!(a.unwrap().sqnr_db(), b.unwrap().sqnr_db());
        let norm = Norm::layer(weight, Some(weight), 1.0).unwrap();
        same(
            end,
            &vec![1.0; 2 * n],
            &context,
            |out| reference::normalize_rows(x, norm, out).unwrap(),
            |out| tier.normalize_rows(x, norm, out).unwrap(),
        );
        let scheme = Scheme::<u8>::affine();
        let mut params = Fenced::of(&[QuantParams::default(); 2], end);
        let mut expected = [QuantParams::default(); 2];
        same(
            end,
            &vec![7; 2 * n],
            &context,
            |out| {
                reference::normalize_quantize_rows(x, norm, scheme, &mut expected, out).unwrap();
            },
            |out| {
                tier.normalize_quantize_rows(x, norm, scheme, params.slice_mut(), out).unwrap();
            },
        );
        assert_eq!(params.slice(), expected);
    });
}

fn pairs<A: Code8, B: Code8>(tier: Tier, n: usize, end: End) {
    const ROWS: usize = 5;
    let context = (tier, n, end);
    let (a, b) = (codes::<A>(n), codes::<B>(n * ROWS));
    let (a, rows) = (Fenced::of(&a, end), Fenced::of(&b, end));
    let (a, rows) = (a.slice(), rows.slice());
    let b = Fenced::of(&b[..n], end);
    let b = b.slice();
    let zero_points = [0, 0x80, 37].map(|bits| (code::<A>(bits), code::<B>(bits)));
    for (za, zb) in zero_points {
        assert_eq!(tier.dot(a, za, b, zb), reference::dot(a, za, b, zb));
        let found = tier.l2_squared(a, za, b, zb);
        assert_eq!(found, reference::l2_squared(a, za, b, zb));
        assert_eq!(tier.cosine(a, za, b, zb), reference::cosine(a, za, b, zb));
        let (sum_a, sum_b) = (tier.sum(a), tier.sum(b));
        assert_eq!((sum_a, sum_b), (reference::sum(a), reference::sum(b)));
        assert_eq!(tier.dot_with_sums(a, za, sum_a, b, zb, sum_b), reference::dot(a, za, b, zb));
        let each = Fenced::of(&[zb; ROWS], end);
        let each = each.slice();
        same(
            end,
            &[7; ROWS],
            &context,
            |out| reference::dot_rows(a, za, rows, each, out).unwrap(),
            |out| tier.dot_rows(a, za, rows, each, out).unwrap(),
        );
        same(
            end,
            &[7; ROWS],
            &context,
            |out| reference::l2_rows(a, za, rows, each, out).unwrap(),
            |out| tier.l2_rows(a, za, rows, each, out).unwrap(),
        );
    }
}

#[test]
fn of_pairs() {
    everywhere(pairs::<u8, u8>);
    everywhere(pairs::<u8, i8>);
    everywhere(pairs::<i8, u8>);
    everywhere(pairs::<i8, i8>);
}

/// So large that stores go past the caches.
#[test]
fn of_streaming_stores() {
    let n = (14 << 20) + 77;
    let params = QuantParams::<u8>::new(0.75, 37).unwrap();
    // Not the same in any two lines next to each other.
    let value = |i: usize| 0.75 * (i % 200) as f32;
    let x = Fenced::of(&(0..n).map(value).collect::<Vec<_>>(), End::Last);
    let mut codes = Fenced::of(&vec![0; n], End::Last);
    let each: Vec<_> = (0..11).map(|z| QuantParams::<u8>::new(0.75, z).unwrap()).collect();
    let whole = n / 11 * 11;
    for tier in Tier::available() {
        for end in [End::First, End::Last] {
            let mut y = Fenced::of(&vec![0.0; n], end);
            tier.quantize(x.slice(), params, codes.slice_mut()).unwrap();
            let mut found = codes.slice().iter().enumerate();
            assert!(found.all(|(i, &code)| usize::from(code) == 37 + i % 200), "{tier}");
            tier.dequantize(codes.slice(), params, y.slice_mut()).unwrap();
            assert!(y.slice().iter().enumerate().all(|(i, &y)| y == value(i)), "{tier}");
            y.slice_mut().fill(0.0);
            tier.fake_quantize(x.slice(), params, y.slice_mut()).unwrap();
            assert!(y.slice().iter().enumerate().all(|(i, &y)| y == value(i)), "{tier}");

            let (some, y) = (&codes.slice()[..whole], &mut y.slice_mut()[..whole]);
            tier.dequantize(some, Params::per_axis(&each, 1), y).unwrap();
            let expected = |i: usize| 0.75 * (37 + i % 200 - i % 11) as f32;
            assert!(y.iter().enumerate().all(|(i, &y)| y == expected(i)), "{tier}");
        }
    }
}

/// `[m, k] × [k, n]`, of matrices, packed weights, zero points and parameters that are fenced.
fn products<A: Code8, B: Code8>(tier: Tier, shape: [usize; 3], end: End) {
    let [m, k, n] = shape;
    let context = (tier, shape, end);
    let a = Fenced::of(&codes::<A>(m * k), end);
    let b = Fenced::of(&codes::<B>(k * n), end);
    let (a, b) = (a.slice(), b.slice());
    let weights = Weights::new(b, k, n);
    let mut buffer = Fenced::of(&vec![0xaa; weights.packed_len(tier)], end);
    let packed = weights.pack_into(tier, buffer.slice_mut()).unwrap();

    let za = Fenced::of(&codes::<A>(m), end);
    let zb = Fenced::of(&codes::<B>(n), end);
    let (za, zb) = (ZeroPoints::Each(za.slice()), ZeroPoints::Each(zb.slice()));
    same(
        end,
        &vec![7; m * n],
        &context,
        |out| reference::multiply(a, za, b, zb, shape, out).unwrap(),
        |out| packed.multiply(a, za, zb, out).unwrap(),
    );
    let columns: Vec<_> = (0..n * k).map(|i| b[i % k * n + i / k]).collect();
    let columns = Fenced::of(&columns, end);
    for weights in [weights, Weights::transposed(columns.slice(), k, n)] {
        same(
            end,
            &vec![7; m * n],
            &context,
            |out| reference::multiply(a, za, b, zb, shape, out).unwrap(),
            |out| weights.multiply(tier, a, za, zb, out).unwrap(),
        );
    }
    let bias: Vec<_> = (0..n as i32).map(|c| c * 1001 - 30_000).collect();
    let bias = Fenced::of(&bias, end);
    let multipliers = Fenced::of(&vec![Multiplier::fixed(0.001).unwrap(); n], end);
    let multipliers = Multipliers::per_axis(multipliers.slice(), 1).with_bias(bias.slice());
    let output = QuantParams::<B>::new(1.0, code(5)).unwrap();
    same(
        end,
        &vec![code(1); m * n],
        &context,
        |out| {
            reference::multiply_requantize(a, za, b, zb, shape, multipliers, output, out).unwrap();
        },
        |out| packed.requantize(a, za, zb, multipliers, output, out).unwrap(),
    );
    let (of_a, of_b) = (params::<A>(m), params::<B>(n));
    let (parts_a, parts_b) = (FencedParts::of(&of_a, end), FencedParts::of(&of_b, end));
    let (of_a, of_b) = (Fenced::of(&of_a, end), Fenced::of(&of_b, end));
    let (rows, columns) = (Granularity::Axis { inner: k }, Granularity::Axis { inner: 1 });
    let whole = (Params::per_axis(of_a.slice(), k), Params::per_axis(of_b.slice(), 1));
    let bias = Fenced::of(&vec![0.5; n], end);
    let bias = Some(bias.slice());
    for (of_a, of_b) in [whole, (parts_a.params(rows), parts_b.params(columns))] {
        same(
            end,
            &vec![1.0; m * n],
            &context,
            |out| reference::multiply_dequantize(a, of_a, b, of_b, shape, bias, out).unwrap(),
            |out| packed.dequantize(a, of_a, of_b, bias, out).unwrap(),
        );
    }
}

#[test]
fn of_matrix_products() {
    everywhere(|tier, n, end| {
        products::<u8, i8>(tier, [2, n, 5], end);
        products::<i8, u8>(tier, [3, 7, n], end);
        products::<u8, u8>(tier, [n % 30, 1 + n % 9, 33], end);
        products::<i8, i8>(tier, [1, n % 80, 1 + n % 40], end);
    });
}

/// `[m, k] × [k, n]`, with all that a layer reads and writes fenced: by codes of `A`.
fn linear<A: Code8, B: Code8>(tier: Tier, shape: [usize; 3], by: Activations, end: End) {
    let [m, k, n] = shape;
    let context = (tier, shape, by, end);
    let numbers: Vec<_> = (0..m * k).map(|i| (i * 7919 % 2003) as f32).collect();
    let x = Fenced::of(&numbers, end);
    let x = x.slice();
    // Rows that are apart: nothing follows the last one.
    let (stride, mut apart) = (k + 3, Vec::new());
    for (r, row) in x.chunks(k.max(1)).enumerate() {
        apart.resize(r * stride, f32::NAN);
        apart.extend(row);
    }
    let apart = Fenced::of(&apart, end);
    let apart = Rows::strided(apart.slice(), m, stride);

    let b = codes::<B>(k * n);
    let weights = Weights::new(&b, k, n);
    let mut buffer = Fenced::of(&vec![0xaa; weights.packed_len(tier)], end);
    let packed = weights.pack_into(tier, buffer.slice_mut()).unwrap();
    let of_b = Fenced::of(&params::<B>(n), end);
    let of_b = Params::per_axis(of_b.slice(), 1);
    let bias = Fenced::of(&vec![0.5; n], end);
    let bias = bias.slice();

    // The two operations that a layer is, with parameters and codes where the caller has them: by
    // a scheme that no layer has, too.
    let (no_params, no_codes) = (vec![QuantParams::default(); m], vec![code(1); m * k]);
    let (mut params, mut codes) = (Fenced::of(&no_params, end), Fenced::of(&no_codes, end));
    let (mut expected_params, mut expected_codes) = (no_params, no_codes);
    for scheme in [Scheme::<A>::affine(), Scheme::<A>::symmetric()] {
        let (p, c) = (&mut expected_params, &mut expected_codes);
        reference::quantize_dynamic_rows(x, k, scheme, p, c).unwrap();
        for x in [Rows::from(x), apart] {
            let (params, codes) = (params.slice_mut(), codes.slice_mut());
            tier.quantize_dynamic_rows(x, k, scheme, params, &mut *codes).unwrap();
            assert_eq!((&*params, &*codes), (&p[..], &c[..]), "{context:?}");
        }
        let (a, of_a) = (codes.slice(), Params::per_axis(params.slice(), k));
        same(
            end,
            &vec![1.0; m * n],
            &context,
            |out| {
                let bias = Some(bias);
                reference::multiply_dequantize(a, of_a, &b, of_b, shape, bias, out).unwrap();
            },
            |out| packed.dequantize(a, of_a, of_b, Some(bias), out).unwrap(),
        );
    }

    let layer = Linear::new(packed, of_b).unwrap().with_bias(bias).unwrap();
    let mut memory = Fenced::of(&vec![0x55; Scratch::bytes(m, k)], end);
    let mut scratch = Scratch::over(memory.slice_mut());
    for x in [Rows::from(x), apart] {
        same(
            end,
            &vec![1.0; m * n],
            &context,
            |out| {
                reference::linear(&numbers, by, &b, of_b, shape, Some(bias), out).unwrap();
            },
            |out| layer.forward(x, by, &mut scratch, out).unwrap(),
        );
    }
}

#[test]
fn of_linear_layers() {
    everywhere(|tier, n, end| {
        linear::<u8, i8>(tier, [2, n, 5], Activations::AffineU8, end);
        let shape = [n % 30, 1 + n % 9, 1 + n % 40];
        linear::<i8, u8>(tier, shape, Activations::SymmetricI8, end);
    });
}

/// The windows of images so wide, with and without a border, with and without gaps.
#[test]
fn of_windows() {
    for (width, end) in lengths().flat_map(|n| [(n, End::First), (n, End::Last)]) {
        for (border, gap) in [(0, 1), (2, 1), (1, 2)] {
            let border = Border {
                height: 3,
                width,
                channels: 2,
                top: border,
                bottom: border,
                left: border,
                right: border,
            };
            let windows = Windows {
                stride: [gap, gap],
                dilation: [gap, gap],
                ..Windows::new(border, [2, 2])
            };
            let Ok(shape) = windows.shape() else {
                continue;
            };
            let codes = codes::<u8>(2 * 3 * width);
            let image = Fenced::of(&codes, end);
            same(
                end,
                &vec![1; shape.iter().product()],
                &(windows, end),
                |out| im2col(&codes, windows, 7, out).unwrap(),
                |out| im2col(image.slice(), windows, 7, out).unwrap(),
            );
        }
    }
}
