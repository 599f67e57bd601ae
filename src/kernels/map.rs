//! The loops: unrolling, tails, alignment, streaming stores. Written once, for every kernel and
//! every instruction set.
//!
//! The hard cases (NaN, ±∞, quotients beyond an integer) are rare, so kernels are written for the
//! others, and notice: a kernel that `WATCHES` keeps a record of every group of 256 elements, and a
//! group with an alarm is done again with steps that are right for every input.
//!
//! ```text
//! for each group of 256 elements:
//!     for each quad of the group: out = step(x), and the watch looks at it
//!     if the watch is alarmed:
//!         for each quad of the group: out = careful_step(x)
//! ```
//!
//! Where input and output are too large for the caches, whole cache lines of the output are streamed
//! past them. What is streamed must not be touched again before a fence, so a group that may have to
//! be done again is made in a buffer first, and streamed when it is right; elements that fill no line
//! are stored through the caches.
//!
//! Loops here and in the kernels count, they don't chain iterators: what the standard library
//! marks `#[inline]` may yet stay outside a frame as large as these.

use crate::simd::{Byte, Simd, Streaming, Wide};
use bytemuck::{Pod, Zeroable};
use core::marker::PhantomData;
use pulp::NullaryFnOnce;

/// Elements after which a kernel's watch is read, and a group with an alarm done again.
const GROUP: usize = 256;

/// How an operation goes to memory: through the caches, or past them.
///
/// It lives as long as the operation: when it is dropped, on whatever way out, the streamed stores are
/// fenced.
pub(crate) struct Traffic<S: Simd>(Option<Streaming<S>>);

impl<S: Simd> Traffic<S> {
    /// Through the caches.
    pub(crate) const CACHED: Self = Self(None);

    /// Past the caches if the operation reads and writes more bytes than they hold.
    #[inline(always)]
    pub(crate) fn of(s: S, bytes: usize) -> Self {
        /// Bytes that are too many for the caches; few in unit tests, whose tier notes what is streamed.
        const MANY: usize = if cfg!(test) { 32 << 10 } else { 64 << 20 };
        Self((bytes >= MANY).then_some(Streaming(s)))
    }

    /// Whether stores go past the caches, and loads are asked for early.
    #[inline(always)]
    pub(crate) fn is_streamed(&self) -> bool {
        self.0.is_some()
    }
}

/// The way of a store to memory.
pub(crate) trait Way<S: Simd>: Copy {
    /// Whether loads are asked for early.
    const PREFETCH: bool;

    fn store_f32(self, s: S, a: S::F32, to: &mut [f32]);
    fn store_u8(self, s: S, a: S::U8, to: &mut [u8]);
}

/// Through the caches. `PREFETCH`: into a buffer, of what is to be streamed from there.
#[derive(Clone, Copy)]
pub(crate) struct Cached<const PREFETCH: bool>;

impl<S: Simd, const PREFETCH: bool> Way<S> for Cached<PREFETCH> {
    const PREFETCH: bool = PREFETCH;

    #[inline(always)]
    fn store_f32(self, s: S, a: S::F32, to: &mut [f32]) {
        s.store_f32(a, to);
    }

    #[inline(always)]
    fn store_u8(self, s: S, a: S::U8, to: &mut [u8]) {
        s.store_u8(a, to);
    }
}

/// Past the caches.
impl<S: Simd> Way<S> for &Streaming<S> {
    const PREFETCH: bool = true;

    #[inline(always)]
    fn store_f32(self, s: S, a: S::F32, to: &mut [f32]) {
        s.stream_f32(self, a, to);
    }

    #[inline(always)]
    fn store_u8(self, s: S, a: S::U8, to: &mut [u8]) {
        s.stream_u8(self, a, to);
    }
}

/// How far ahead loads are asked for, in bytes.
const AHEAD: usize = 4096;

/// Bytes of a cache line.
const LINE: usize = 64;

/// Elements of the longest quad.
const MAX_STEP: usize = 64;

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
    fn store<S: Simd>(s: S, way: impl Way<S>, quad: Self::Quad<S>, to: &mut [Self::Item]);
    /// Both have `STEP` elements.
    fn copy<S: Simd>(s: S, way: impl Way<S>, from: &[Self::Item], to: &mut [Self::Item]);
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
    pub(crate) fn store_vector<S: Simd>(
        s: S,
        way: impl Way<S>,
        a: S::F32,
        to: &mut [f32],
        i: usize,
    ) {
        way.store_f32(s, a, &mut to[i * S::LANES..][..S::LANES]);
    }
}

impl Store for Floats {
    type Item = f32;
    type Quad<S: Simd> = [S::F32; 4];

    #[inline(always)]
    fn store<S: Simd>(s: S, way: impl Way<S>, quad: [S::F32; 4], to: &mut [f32]) {
        for i in 0..4 {
            Self::store_vector(s, way, quad[i], to, i);
        }
    }

    #[inline(always)]
    fn copy<S: Simd>(s: S, way: impl Way<S>, from: &[f32], to: &mut [f32]) {
        Self::store(s, way, Self.load(s, from), to);
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
    fn store<S: Simd>(s: S, way: impl Way<S>, quad: S::U8, to: &mut [Q]) {
        way.store_u8(s, quad, bytemuck::must_cast_slice_mut(to));
    }

    #[inline(always)]
    fn copy<S: Simd>(s: S, way: impl Way<S>, from: &[Q], to: &mut [Q]) {
        Self::store(s, way, Self::NEW.load(s, from), to);
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
pub(crate) struct WideCodes<Q>(PhantomData<Q>);

impl<Q> WideCodes<Q> {
    pub(crate) const NEW: Self = Self(PhantomData);
}

impl<Q: Wide> Load for WideCodes<Q> {
    type Item = Q;
    type Quad<S: Simd> = [S::I32; 4];

    #[inline(always)]
    fn load<S: Simd>(self, s: S, from: &[Q]) -> [S::I32; 4] {
        let mut quad = [s.splat_i32(0); 4];
        for i in 0..4 {
            quad[i] = Q::widen(s, &from[i * S::LANES..][..S::LANES]);
        }
        quad
    }

    #[inline(always)]
    fn load_partial<S: Simd>(self, s: S, from: &[Q]) -> [S::I32; 4] {
        let mut buffer = [Q::zeroed(); MAX_STEP];
        buffer[..from.len()].copy_from_slice(from);
        self.load(s, &buffer[..S::STEP])
    }
}

impl<Q: Wide> Store for WideCodes<Q> {
    type Item = Q;
    type Quad<S: Simd> = [S::U8; 2];

    #[inline(always)]
    fn store<S: Simd>(s: S, way: impl Way<S>, quad: [S::U8; 2], to: &mut [Q]) {
        for i in 0..2 {
            let to = &mut to[i * S::STEP / 2..][..S::STEP / 2];
            way.store_u8(s, quad[i], bytemuck::cast_slice_mut(to));
        }
    }

    #[inline(always)]
    fn copy<S: Simd>(s: S, way: impl Way<S>, from: &[Q], to: &mut [Q]) {
        let mut quad = [s.splat_u8(0); 2];
        for i in 0..2 {
            quad[i] = s.load_u8(bytemuck::cast_slice(&from[i * S::STEP / 2..][..S::STEP / 2]));
        }
        Self::store(s, way, quad, to);
    }

    #[inline(always)]
    fn store_partial<S: Simd>(s: S, quad: [S::U8; 2], to: &mut [Q]) {
        let bytes: &mut [u8] = bytemuck::cast_slice_mut(to);
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

    /// Whether `alarmed` can be true.
    const WATCHES: bool = false;

    /// Whether a quad may begin anywhere, and not only at multiples of its length.
    const ANYWHERE: bool = true;

    /// Whether it needs more instructions than the instruction set has, those of the frame it is called
    /// in.
    const IN_FRAME: bool = false;

    fn input(&self) -> Self::In;

    /// `at`: where the quad begins in the slices that the kernel runs over.
    fn step(&mut self, s: S, x: Quad<Self::In, S>, at: usize) -> <Self::Out as Store>::Quad<S>;

    /// Whether a step since the last call may have given a wrong result.
    #[inline(always)]
    fn alarmed(&mut self, _s: S) -> bool {
        false
    }

    /// As `step`, without alarm: right for every input, and slower.
    #[inline(always)]
    fn careful_step(
        &mut self,
        s: S,
        x: Quad<Self::In, S>,
        at: usize,
    ) -> <Self::Out as Store>::Quad<S> {
        self.step(s, x, at)
    }

    /// A step from memory to memory.
    #[inline(always)]
    fn pass(
        &mut self,
        s: S,
        way: impl Way<S>,
        x: &[In<Self, S>],
        out: &mut [Out<Self, S>],
        at: usize,
    ) {
        let quad = self.input().load(s, x);
        let result = self.step(s, quad, at);
        Self::Out::store(s, way, result, out);
    }
}

type Quad<L, S> = <L as Load>::Quad<S>;
type In<M, S> = <<M as Map<S>>::In as Load>::Item;
type Out<M, S> = <<M as Map<S>>::Out as Store>::Item;

/// Runs a kernel from `x` to `out`, which have the same length.
#[inline(always)]
pub(crate) fn map<S: Simd, M: Map<S>>(
    s: S,
    mut kernel: M,
    x: &[In<M, S>],
    out: &mut [Out<M, S>],
    traffic: &Traffic<S>,
) {
    let out = &mut out[..x.len()];
    match &traffic.0 {
        Some(streaming) if M::ANYWHERE || out.as_ptr().align_offset(LINE) == 0 => {
            let streamed = Streamed { s, kernel, x, out, streaming };
            if const { M::IN_FRAME } { streamed.call() } else { apart(s, streamed) }
        }
        _ => cached(s, &mut kernel, x, out),
    }
}

/// Runs `f` in a frame of its own, so that what is rare takes no registers from what is not.
#[cold]
#[inline(never)]
fn apart<S: Simd, F: NullaryFnOnce>(s: S, f: F) -> F::Output {
    s.vectorize(f)
}

/// Past the caches.
struct Streamed<'a, S: Simd, M: Map<S>> {
    s: S,
    kernel: M,
    x: &'a [In<M, S>],
    out: &'a mut [Out<M, S>],
    streaming: &'a Streaming<S>,
}

impl<S: Simd, M: Map<S>> NullaryFnOnce for Streamed<'_, S, M> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { s, mut kernel, x, out, streaming } = self;
        let [before, end] = lines::<S, M>(out);
        parts(s, &mut kernel, x, out, [0, before]);
        stream(s, &mut kernel, streaming, x, out, [before, end]);
        parts(s, &mut kernel, x, out, [end, x.len()]);
    }
}

/// Where the whole cache lines of `out` begin and end, in whole quads.
#[inline(always)]
fn lines<S: Simd, M: Map<S>>(out: &[Out<M, S>]) -> [usize; 2] {
    let unit = S::STEP.max(LINE / size_of::<Out<M, S>>());
    let before = out.as_ptr().align_offset(LINE).min(out.len());
    [before, before + (out.len() - before) / unit * unit]
}

/// Through the caches, what is left of a line or a step, from one element to another.
#[inline(always)]
fn parts<S: Simd, M: Map<S>>(
    s: S,
    kernel: &mut M,
    x: &[In<M, S>],
    out: &mut [Out<M, S>],
    [mut start, end]: [usize; 2],
) {
    while start < end {
        let next = end.min(start + S::STEP);
        partial(s, kernel, &x[start..next], &mut out[start..next], start);
        start = next;
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
    let mut result = kernel.step(s, quad, at);
    if kernel.alarmed(s) {
        result = kernel.careful_step(s, quad, at);
    }
    M::Out::store_partial(s, result, out);
}

/// Through the caches.
///
/// The last step overlaps the one before it, instead of being shorter; only a slice of less than
/// a step is loaded and stored in part (or the rest of one, if quads may not begin anywhere).
#[inline(always)]
fn cached<S: Simd, M: Map<S>>(s: S, kernel: &mut M, x: &[In<M, S>], out: &mut [Out<M, S>]) {
    if x.len() < S::STEP {
        return partial(s, kernel, x, out, 0);
    }
    let last = x.len() - S::STEP;
    let longest = if M::WATCHES { GROUP } else { usize::MAX };
    let mut start = 0;
    let mut steps = x.len().min(longest) / S::STEP;
    // Stores that straddle cache lines cost more than loads that do: the first group is only long
    // enough for the second to begin where the output is aligned.
    let aligned = out.as_ptr().align_offset(LINE);
    let mut next = steps * S::STEP;
    if M::ANYWHERE && (1..LINE).contains(&aligned) && x.len() >= GROUP {
        (steps, next) = (aligned.div_ceil(S::STEP), aligned);
    }
    loop {
        let len = steps * S::STEP;
        let (x_group, out_group) = (&x[start..][..len], &mut out[start..][..len]);
        run::<S, M, false>(s, kernel, Cached::<false>, x_group, out_group, start);
        if kernel.alarmed(s) {
            run::<S, M, true>(s, kernel, Cached::<false>, x_group, out_group, start);
        }
        if start == last || next == x.len() {
            break;
        }
        // What is left may be less than a step: then the last one reaches back.
        if !M::ANYWHERE && next > last {
            partial(s, kernel, &x[next..], &mut out[next..], next);
            break;
        }
        start = next.min(last);
        steps = (x.len() - start).min(longest) / S::STEP;
        next = start + steps * S::STEP;
    }
}

/// A group of an output, in the first cache.
#[repr(align(64))]
struct Buffer<T>([T; GROUP]);

/// Past the caches, from one element to another: whole lines and whole quads. Each line is written
/// once.
#[inline(always)]
fn stream<S: Simd, M: Map<S>>(
    s: S,
    kernel: &mut M,
    streaming: &Streaming<S>,
    x: &[In<M, S>],
    out: &mut [Out<M, S>],
    [mut start, end]: [usize; 2],
) {
    let (x, out) = (&x[..end], &mut out[..end]);
    if !M::WATCHES {
        return run::<S, M, false>(s, kernel, streaming, &x[start..], &mut out[start..], start);
    }
    let mut buffer = Buffer([Out::<M, S>::zeroed(); GROUP]);
    while start < end {
        let len = GROUP.min(end - start);
        let (x, made) = (&x[start..][..len], &mut buffer.0[..len]);
        run::<S, M, false>(s, kernel, Cached::<true>, x, made, start);
        if kernel.alarmed(s) {
            run::<S, M, true>(s, kernel, Cached::<false>, x, made, start);
        }
        let out = &mut out[start..][..len];
        let mut at = 0;
        while at < len {
            let quad = at..at + S::STEP;
            M::Out::copy(s, streaming, &made[quad.clone()], &mut out[quad]);
            at += S::STEP;
        }
        start += len;
    }
}

/// Whole steps, from `at` on.
#[inline(always)]
fn run<S: Simd, M: Map<S>, const CAREFUL: bool>(
    s: S,
    kernel: &mut M,
    way: impl Way<S>,
    mut x: &[In<M, S>],
    mut out: &mut [Out<M, S>],
    mut at: usize,
) {
    while x.len() >= S::STEP && out.len() >= S::STEP {
        let (now, later) = x.split_at(S::STEP);
        let (out_now, out_later) = out.split_at_mut(S::STEP);
        prefetch(s, way, now);
        if CAREFUL {
            let quad = kernel.input().load(s, now);
            let result = kernel.careful_step(s, quad, at);
            M::Out::store(s, way, result, out_now);
        } else {
            kernel.pass(s, way, now, out_now, at);
        }
        (x, out, at) = (later, out_later, at + S::STEP);
    }
}

/// Asks early for what comes after these elements.
#[inline(always)]
fn prefetch<S: Simd, W: Way<S>, T>(s: S, _: W, now: &[T]) {
    if W::PREFETCH {
        for i in 0..size_of_val(now) / LINE {
            s.prefetch(now.as_ptr().cast::<u8>().wrapping_add(AHEAD + i * LINE));
        }
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
        assert!(!M::WATCHES, "a kernel in place has no watch");
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
        L::store(s, Cached::<false>, kernel.step(s, quad, at), now);
        (rest, at) = (later, at + S::STEP);
    }
    let last_quad = kernel.step(s, last_quad, last);
    L::store(s, Cached::<false>, last_quad, &mut data[last..][..S::STEP]);
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

#[cfg(test)]
mod tests {
    use crate::simd::scalar::record::all_fenced;
    use crate::{Error, QuantParams, Scheme, Tier, reference};
    use std::vec;
    use std::vec::Vec;

    fn numbers(len: usize) -> Vec<f32> {
        (0..len).map(|i| (i % 1000) as f32 / 10.0 - 30.0).collect()
    }

    /// The tier `scalar` asserts that nothing that was streamed is touched again before a fence.
    #[test]
    fn what_is_streamed_is_touched_once() {
        let params = QuantParams::<u8>::new(0.5, 10).unwrap();
        for extra in [0, 1, 15, 16, 63, 64, 65, 255, 256, 257, 300] {
            for offset in [0, 1, 16, 33] {
                let mut x = numbers((16 << 10) + extra);
                // Groups that are done again: the first, one in the middle, the last.
                for at in [0, 5000, x.len() - 1] {
                    x[at] = f32::INFINITY;
                }
                let (mut codes, mut expected) = (vec![0; x.len() + offset], vec![0; x.len()]);
                Tier::SCALAR.quantize(&x, params, &mut codes[offset..]).unwrap();
                assert!(all_fenced());
                reference::quantize(&x, params, &mut expected).unwrap();
                assert_eq!(codes[offset..], expected);

                let (mut y, mut expected) = (vec![0.0; x.len() + offset], vec![0.0; x.len()]);
                Tier::SCALAR.fake_quantize(&x, params, &mut y[offset..]).unwrap();
                assert!(all_fenced());
                reference::fake_quantize(&x, params, &mut expected).unwrap();
                assert_eq!(y[offset..], expected);
            }
        }
    }

    #[test]
    fn an_error_fences_too() {
        let (rows, row) = (40, 1000);
        let mut x = numbers(rows * row);
        x[(rows - 1) * row] = f32::INFINITY;
        let mut codes = vec![0; x.len()];
        let mut params = vec![QuantParams::default(); rows];
        let scheme = Scheme::<u8>::affine();
        let result = Tier::SCALAR.quantize_dynamic_rows(&x, row, scheme, &mut params, &mut codes);
        assert!(matches!(result, Err(Error::NonFinite { .. })));
        assert!(all_fenced());
    }
}
