//! The loops: unrolling, tails, alignment. Written once, for every kernel and every instruction set.
//!
//! Special values (NaN, ±∞, quotients beyond an integer) are rare, so kernels are written for the
//! others, and notice: a kernel that `TRACKS_SPECIALS` remembers for every group of 256 elements whether there
//! was one, and a group with special values is done again, with steps that are exact for every input.
//!
//! ```text
//! for each group of 256 elements:
//!     for each quad of the group: out = step(x), and special values are tracked
//!     if the group has special values:
//!         for each quad of the group: out = exact_step(x)
//! ```
//!
//! Loops here and in the kernels count, they don't chain iterators: what the standard library
//! marks `#[inline]` may yet stay outside a frame as large as these.

use crate::simd::{Byte, LINE, MAX_LANES, Simd};
use bytemuck::Pod;
use core::marker::PhantomData;

/// Elements after which a kernel is asked for special values, and those with some are done again.
const GROUP: usize = 256;

/// Elements of the longest quad.
pub(crate) const MAX_STEP: usize = 4 * MAX_LANES;

/// What a kernel reads: how a quad of it comes from memory.
pub(crate) trait Load: Copy {
    type Item: Pod;
    type Quad<S: Simd>: Copy;

    /// `from` has `STEP` elements.
    fn load<S: Simd>(self, s: S, from: &[Self::Item]) -> Self::Quad<S>;
    /// `from` has at most as many; the first of them, or a zero, stands for the others.
    fn load_partial<S: Simd>(self, s: S, from: &[Self::Item]) -> Self::Quad<S>;
}

/// What a kernel writes: how a quad of it goes to memory.
pub(crate) trait Store {
    type Item: Pod;
    type Quad<S: Simd>: Copy;

    /// `to` has `STEP` elements.
    fn store<S: Simd>(s: S, quad: Self::Quad<S>, to: &mut [Self::Item]);
    /// `to` has at most `STEP` elements.
    fn store_partial<S: Simd>(s: S, quad: Self::Quad<S>, to: &mut [Self::Item]);
}

/// Which of `len` elements are in the quad's vector `i`, if any.
#[inline(always)]
fn lanes<S: Simd>(i: usize, len: usize) -> core::ops::Range<usize> {
    i * S::LANES..((i + 1) * S::LANES).min(len)
}

/// A quad of f32: four vectors.
#[derive(Clone, Copy)]
pub(crate) struct Floats;

/// A quad of i32: four vectors.
#[derive(Clone, Copy)]
pub(crate) struct Ints;

/// A quad of codes: one vector of bytes.
#[derive(Clone, Copy)]
pub(crate) struct Codes<Q>(PhantomData<Q>);

/// A quad of codes less a zero point: four vectors of f32. `AFFINE`: the zero point is not 0.
#[derive(Clone, Copy)]
pub(crate) struct Offsets<Q, const AFFINE: bool> {
    pub(crate) zero_point: Q,
}

impl<Q> Codes<Q> {
    pub(crate) const NEW: Self = Self(PhantomData);
}

impl Load for Floats {
    type Item = f32;
    type Quad<S: Simd> = [S::F32; 4];

    #[inline(always)]
    fn load<S: Simd>(self, s: S, from: &[f32]) -> [S::F32; 4] {
        let mut quad = [s.splat_f32(0.0); 4];
        for i in 0..4 {
            quad[i] = s.load_f32(&from[i * S::LANES..][..S::LANES]);
        }
        quad
    }

    #[inline(always)]
    fn load_partial<S: Simd>(self, s: S, from: &[f32]) -> [S::F32; 4] {
        let fill = if from.is_empty() { 0.0 } else { from[0] };
        let mut quad = [s.splat_f32(fill); 4];
        for i in 0..4 {
            if i * S::LANES < from.len() {
                quad[i] = s.load_f32_partial(&from[lanes::<S>(i, from.len())], fill);
            }
        }
        quad
    }
}

impl Load for Ints {
    type Item = i32;
    type Quad<S: Simd> = [S::I32; 4];

    #[inline(always)]
    fn load<S: Simd>(self, s: S, from: &[i32]) -> [S::I32; 4] {
        let mut quad = [s.splat_i32(0); 4];
        for i in 0..4 {
            quad[i] = s.load_i32(&from[i * S::LANES..][..S::LANES]);
        }
        quad
    }

    #[inline(always)]
    fn load_partial<S: Simd>(self, s: S, from: &[i32]) -> [S::I32; 4] {
        let mut quad = [s.splat_i32(0); 4];
        for i in 0..4 {
            if i * S::LANES < from.len() {
                quad[i] = s.load_i32_partial(&from[lanes::<S>(i, from.len())]);
            }
        }
        quad
    }
}

impl Floats {
    /// Stores the vector `i` of a quad.
    #[inline(always)]
    pub(crate) fn store_vector<S: Simd>(s: S, a: S::F32, to: &mut [f32], i: usize) {
        s.store_f32(a, &mut to[i * S::LANES..][..S::LANES]);
    }
}

impl Store for Floats {
    type Item = f32;
    type Quad<S: Simd> = [S::F32; 4];

    #[inline(always)]
    fn store<S: Simd>(s: S, quad: [S::F32; 4], to: &mut [f32]) {
        for i in 0..4 {
            Self::store_vector(s, quad[i], to, i);
        }
    }

    #[inline(always)]
    fn store_partial<S: Simd>(s: S, quad: [S::F32; 4], to: &mut [f32]) {
        for i in 0..4 {
            if i * S::LANES < to.len() {
                let lanes = lanes::<S>(i, to.len());
                s.store_f32_partial(quad[i], &mut to[lanes]);
            }
        }
    }
}

impl<Q: Byte> Load for Codes<Q> {
    type Item = Q;
    type Quad<S: Simd> = S::U8;

    #[inline(always)]
    fn load<S: Simd>(self, s: S, from: &[Q]) -> S::U8 {
        s.load_u8(bytemuck::must_cast_slice(from))
    }

    #[inline(always)]
    fn load_partial<S: Simd>(self, s: S, from: &[Q]) -> S::U8 {
        s.load_u8_partial(bytemuck::must_cast_slice(from))
    }
}

impl<Q: Byte> Store for Codes<Q> {
    type Item = Q;
    type Quad<S: Simd> = S::U8;

    #[inline(always)]
    fn store<S: Simd>(s: S, quad: S::U8, to: &mut [Q]) {
        s.store_u8(quad, bytemuck::must_cast_slice_mut(to));
    }

    #[inline(always)]
    fn store_partial<S: Simd>(s: S, quad: S::U8, to: &mut [Q]) {
        s.store_u8_partial(quad, bytemuck::must_cast_slice_mut(to));
    }
}

impl<Q: Byte, const AFFINE: bool> Offsets<Q, AFFINE> {
    /// The vector `i` of the quad.
    #[inline(always)]
    pub(crate) fn load_vector<S: Simd>(self, s: S, from: &[Q], i: usize) -> S::F32 {
        Q::offsets::<S, AFFINE>(s, bytemuck::must_cast_slice(from), i, self.zero_point)
    }
}

impl<Q: Byte, const AFFINE: bool> Load for Offsets<Q, AFFINE> {
    type Item = Q;
    type Quad<S: Simd> = [S::F32; 4];

    #[inline(always)]
    fn load<S: Simd>(self, s: S, from: &[Q]) -> [S::F32; 4] {
        let mut quad = [s.splat_f32(0.0); 4];
        for i in 0..4 {
            quad[i] = self.load_vector(s, from, i);
        }
        quad
    }

    #[inline(always)]
    fn load_partial<S: Simd>(self, s: S, from: &[Q]) -> [S::F32; 4] {
        let mut buffer = [Q::zeroed(); MAX_STEP];
        let codes = s.load_u8_partial(bytemuck::must_cast_slice(from));
        s.store_u8(codes, bytemuck::must_cast_slice_mut(&mut buffer[..S::STEP]));
        self.load(s, &buffer[..S::STEP])
    }
}

/// A quad of 16-bit codes: four vectors of i32, or, to be written, two of codes.
#[derive(Clone, Copy)]
pub(crate) struct WideCodes;

impl Load for WideCodes {
    type Item = u16;
    type Quad<S: Simd> = [S::I32; 4];

    #[inline(always)]
    fn load<S: Simd>(self, s: S, from: &[u16]) -> [S::I32; 4] {
        let mut quad = [s.splat_i32(0); 4];
        for i in 0..4 {
            quad[i] = s.widen_u16(&from[i * S::LANES..][..S::LANES]);
        }
        quad
    }

    #[inline(always)]
    fn load_partial<S: Simd>(self, s: S, from: &[u16]) -> [S::I32; 4] {
        let mut buffer = [0; MAX_STEP];
        buffer[..from.len()].copy_from_slice(from);
        self.load(s, &buffer[..S::STEP])
    }
}

impl Store for WideCodes {
    type Item = u16;
    type Quad<S: Simd> = [S::U8; 2];

    #[inline(always)]
    fn store<S: Simd>(s: S, quad: [S::U8; 2], to: &mut [u16]) {
        for i in 0..2 {
            let to = &mut to[i * S::STEP / 2..][..S::STEP / 2];
            s.store_u8(quad[i], bytemuck::must_cast_slice_mut(to));
        }
    }

    #[inline(always)]
    fn store_partial<S: Simd>(s: S, quad: [S::U8; 2], to: &mut [u16]) {
        let bytes: &mut [u8] = bytemuck::must_cast_slice_mut(to);
        for i in 0..2 {
            if i * S::STEP < bytes.len() {
                let end = bytes.len().min((i + 1) * S::STEP);
                s.store_u8_partial(quad[i], &mut bytes[i * S::STEP..end]);
            }
        }
    }
}

/// An elementwise kernel.
pub(crate) trait Map<S: Simd> {
    type In: Load;
    type Out: Store;

    /// Whether `has_specials` can be true.
    const TRACKS_SPECIALS: bool = false;

    /// Whether a quad may begin anywhere, and not only at multiples of its length.
    const ANYWHERE: bool = true;

    fn input(&self) -> Self::In;

    /// `at`: where the quad begins in the slices that the kernel runs over.
    fn step(&mut self, s: S, x: Quad<Self::In, S>, at: usize) -> <Self::Out as Store>::Quad<S>;

    /// Whether a step since the last call may have given a wrong result.
    #[inline(always)]
    fn has_specials(&mut self, _s: S) -> bool {
        false
    }

    /// As `step`, without special values: exact for every input, and slower.
    #[inline(always)]
    fn exact_step(
        &mut self,
        s: S,
        x: Quad<Self::In, S>,
        at: usize,
    ) -> <Self::Out as Store>::Quad<S> {
        self.step(s, x, at)
    }

    /// A step from memory to memory.
    #[inline(always)]
    fn pass(&mut self, s: S, x: &[In<Self, S>], out: &mut [Out<Self, S>], at: usize) {
        let quad = self.input().load(s, x);
        let result = self.step(s, quad, at);
        Self::Out::store(s, result, out);
    }
}

type Quad<L, S> = <L as Load>::Quad<S>;
pub(crate) type In<M, S> = <<M as Map<S>>::In as Load>::Item;
pub(crate) type Out<M, S> = <<M as Map<S>>::Out as Store>::Item;

/// Runs a kernel from `x` to `out`, which have the same length.
///
/// The last step overlaps the one before it, instead of being shorter; only a slice of less than
/// a step is loaded and stored in part (or the rest of one, if quads may not begin anywhere).
#[inline(always)]
pub(crate) fn map<S: Simd, M: Map<S>>(s: S, mut kernel: M, x: &[In<M, S>], out: &mut [Out<M, S>]) {
    let out = &mut out[..x.len()];
    let longest = if M::TRACKS_SPECIALS { GROUP } else { usize::MAX };
    let mut start = 0;
    let mut steps = x.len().min(longest) / S::STEP;
    let mut next = steps * S::STEP;
    // Stores that straddle cache lines cost more than loads that do: the first group is only long
    // enough for the second to begin where the output is aligned.
    let aligned = out.as_ptr().align_offset(LINE);
    if M::ANYWHERE && (1..LINE).contains(&aligned) && x.len() >= GROUP {
        (steps, next) = (aligned.div_ceil(S::STEP), aligned);
    }
    loop {
        // Whole steps, or less than one.
        let len = if steps > 0 { steps * S::STEP } else { x.len() - start };
        let (x_group, out_group) = (&x[start..][..len], &mut out[start..][..len]);
        if steps > 0 {
            run(s, &mut kernel, x_group, out_group, start);
        } else {
            partial(s, &mut kernel, x_group, out_group, start);
        }
        if kernel.has_specials(s) {
            run_exactly(s, &mut kernel, x_group, out_group, start);
        }
        if start + len == x.len() {
            return;
        }
        start = next;
        if M::ANYWHERE {
            start = start.min(x.len() - S::STEP);
        }
        steps = (x.len() - start).min(longest) / S::STEP;
        next = start + steps * S::STEP;
    }
}

/// Whole steps, from `at` on.
#[inline(always)]
fn run<S: Simd, M: Map<S>>(
    s: S,
    kernel: &mut M,
    mut x: &[In<M, S>],
    mut out: &mut [Out<M, S>],
    mut at: usize,
) {
    while x.len() >= S::STEP && out.len() >= S::STEP {
        let (now, later) = x.split_at(S::STEP);
        let (out_now, out_later) = out.split_at_mut(S::STEP);
        kernel.pass(s, now, out_now, at);
        (x, out, at) = (later, out_later, at + S::STEP);
    }
}

/// At most a step, loaded and stored in part.
#[inline(always)]
fn partial<S: Simd, M: Map<S>>(
    s: S,
    kernel: &mut M,
    x: &[In<M, S>],
    out: &mut [Out<M, S>],
    at: usize,
) {
    let quad = kernel.input().load_partial(s, x);
    let result = kernel.step(s, quad, at);
    M::Out::store_partial(s, result, out);
}

/// Runs a kernel over a quad, or less.
#[inline(always)]
pub(crate) fn map_quad<S: Simd, M: Map<S>>(
    s: S,
    mut kernel: M,
    x: &[In<M, S>],
    out: &mut [Out<M, S>],
) {
    if x.len() == S::STEP {
        kernel.pass(s, x, &mut out[..S::STEP], 0);
    } else {
        partial(s, &mut kernel, x, out, 0);
    }
}

/// Any number of elements, from `at` on, with steps that are right for all of them.
#[inline(always)]
fn run_exactly<S: Simd, M: Map<S>>(
    s: S,
    kernel: &mut M,
    mut x: &[In<M, S>],
    mut out: &mut [Out<M, S>],
    mut at: usize,
) {
    while !x.is_empty() {
        let (now, later) = x.split_at(S::STEP.min(x.len()));
        let (out_now, out_later) = out.split_at_mut(now.len());
        let is_whole = now.len() == S::STEP;
        let input = kernel.input();
        let quad = if is_whole { input.load(s, now) } else { input.load_partial(s, now) };
        let result = kernel.exact_step(s, quad, at);
        if is_whole {
            M::Out::store(s, result, out_now);
        } else {
            M::Out::store_partial(s, result, out_now);
        }
        (x, out, at) = (later, out_later, at + S::STEP);
    }
}

/// Runs an elementwise kernel over `data` in place.
#[inline(always)]
pub(crate) fn map_in_place<S: Simd, T: Pod, L, M>(s: S, mut kernel: M, data: &mut [T])
where
    L: Load<Item = T> + Store<Item = T>,
    M: Map<S, In = L, Out = L>,
{
    const {
        // What was there before is gone, so nothing could be done again.
        assert!(!M::TRACKS_SPECIALS, "a kernel in place can do nothing again");
    }
    let input = kernel.input();
    if data.len() < S::STEP {
        let quad = input.load_partial(s, data);
        return L::store_partial(s, kernel.step(s, quad, 0), data);
    }
    // Loaded first: a load that overlaps a store waits for it.
    let last = data.len() - S::STEP;
    let last_quad = input.load(s, &data[last..][..S::STEP]);
    let mut rest = &mut *data;
    let mut at = 0;
    while rest.len() >= S::STEP {
        let (now, later) = rest.split_at_mut(S::STEP);
        let quad = input.load(s, now);
        L::store(s, kernel.step(s, quad, at), now);
        (rest, at) = (later, at + S::STEP);
    }
    let last_quad = kernel.step(s, last_quad, last);
    L::store(s, last_quad, &mut data[last..][..S::STEP]);
}

/// A kernel that makes one result of many f32. Taking an element twice must change nothing.
pub(crate) trait Reduce<S: Simd> {
    fn step(&mut self, s: S, x: [S::F32; 4]);
}

/// Shows a kernel each element of `x` at least once.
#[inline(always)]
pub(crate) fn reduce<S: Simd, R: Reduce<S>>(s: S, kernel: &mut R, x: &[f32]) {
    if x.len() < S::STEP {
        return kernel.step(s, Floats.load_partial(s, x));
    }
    let mut rest = x;
    while rest.len() >= S::STEP {
        let (now, later) = rest.split_at(S::STEP);
        kernel.step(s, Floats.load(s, now));
        rest = later;
    }
    if !rest.is_empty() {
        kernel.step(s, Floats.load(s, &x[x.len() - S::STEP..][..S::STEP]));
    }
}
