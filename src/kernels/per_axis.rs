//! Parameters that change along the data: how a kernel finds those of each element.
//!
//! A kernel's parameters are words of 32 bits, the same number of words for each element, and it
//! asks a [`Source`] for them: for a vector of one word at a time. So it is written once, whether
//! all elements have the same parameters ([`Uniform`]), each vector its own ([`ByVector`]), or
//! each lane ([`ByLane`]).

use crate::kernels::map::{Ints, Load};
use crate::simd::Simd;
use crate::values::granularity::{Layout, Panel};
use bytemuck::Pod;

/// What a kernel needs of its parameters: integers, or the bits of f32.
pub(crate) trait LaneParams<const N: usize>: Copy {
    /// The words of the parameters `p`.
    fn words(&self, p: usize) -> [u32; N];
}

/// The words of each element.
pub(crate) trait Source<S: Simd>: Copy {
    /// Whether the words are the same for all elements; else quads must begin at multiples of their
    /// length.
    const UNIFORM: bool;

    /// The word `k` of each element of the vector `i`, in the quad that begins at `at`.
    fn i32(&self, s: S, k: usize, at: usize, i: usize) -> S::I32;

    /// The same as f32.
    #[inline(always)]
    fn f32(&self, s: S, k: usize, at: usize, i: usize) -> S::F32 {
        bytemuck::must_cast(self.i32(s, k, at, i))
    }
}

/// The same words for all elements.
#[derive(Clone, Copy)]
pub(crate) struct Uniform<S: Simd, const N: usize>([S::I32; N]);

impl<S: Simd, const N: usize> Uniform<S, N> {
    #[inline(always)]
    pub(crate) fn new(s: S, words: [u32; N]) -> Self {
        let mut splats = [s.splat_i32(0); N];
        for k in 0..N {
            splats[k] = s.splat_i32(words[k] as i32);
        }
        Self(splats)
    }

    /// Of words that are the same in all lanes of these vectors.
    #[inline(always)]
    pub(crate) fn of(splats: [S::I32; N]) -> Self {
        Self(splats)
    }
}

impl<S: Simd, const N: usize> Source<S> for Uniform<S, N> {
    const UNIFORM: bool = true;

    #[inline(always)]
    fn i32(&self, _: S, k: usize, _at: usize, _i: usize) -> S::I32 {
        self.0[k]
    }
}

/// Each vector has the parameters of its first element: of every `2^log2_run` elements, which are
/// whole vectors, they are the same.
#[derive(Clone, Copy)]
struct ByVector<W, const N: usize> {
    words: W,
    first: usize,
    last: usize,
    log2_run: u32,
}

impl<S: Simd, W: LaneParams<N>, const N: usize> Source<S> for ByVector<W, N> {
    const UNIFORM: bool = false;

    #[inline(always)]
    fn i32(&self, s: S, k: usize, at: usize, i: usize) -> S::I32 {
        // Beyond the last element there are lanes, but no parameters.
        let p = self.first + ((at + i * S::LANES) >> self.log2_run);
        s.splat_i32(self.words.words(p.min(self.last))[k] as i32)
    }
}

/// The words of the elements of one quad, in vectors.
#[derive(Clone, Copy)]
pub(crate) struct OfQuad<S: Simd, const N: usize>(pub(crate) [[S::I32; 4]; N]);

impl<S: Simd, const N: usize> OfQuad<S, N> {
    /// The word `k` of all elements is this one.
    #[inline(always)]
    pub(crate) fn splat(&mut self, s: S, k: usize, word: u32) {
        self.0[k] = [s.splat_i32(word as i32); 4];
    }

    /// The word `k` of each element is one of these, a quad of them or less.
    #[inline(always)]
    pub(crate) fn load<T: Pod>(&mut self, s: S, k: usize, words: &[T]) {
        let words: &[i32] = bytemuck::must_cast_slice(words);
        self.0[k] =
            if words.len() == S::STEP { Ints.load(s, words) } else { Ints.load_partial(s, words) };
    }
}

impl<S: Simd, const N: usize> Source<S> for OfQuad<S, N> {
    const UNIFORM: bool = false;

    #[inline(always)]
    fn i32(&self, _: S, k: usize, _at: usize, i: usize) -> S::I32 {
        self.0[k][i]
    }
}

/// Elements whose words are laid out at a time.
const TILE: usize = 256;

/// Room to write a whole vector from the last element on, and to read a quad from the first.
const SLACK: usize = 64;

/// The first word of each element, the second of each, …; aligned for whole vectors. `LEN`: elements, a
/// power of two, and [`SLACK`].
#[repr(align(64))]
struct Columns<const N: usize, const LEN: usize>([[i32; LEN]; N]);

impl<const N: usize, const LEN: usize> Columns<N, LEN> {
    /// Lays out the words of `len` parameters, the first of them `first`: one for each element.
    #[inline(always)]
    fn fill<W: LaneParams<N>>(&mut self, words: W, first: usize, len: usize) {
        for i in 0..len {
            let words = words.words(first + i);
            for k in 0..N {
                self.0[k][i] = words[k] as i32;
            }
        }
    }
}

/// Each lane has its own.
#[derive(Clone, Copy)]
struct ByLane<'a, const N: usize, const LEN: usize>(&'a Columns<N, LEN>);

impl<S: Simd, const N: usize, const LEN: usize> Source<S> for ByLane<'_, N, LEN> {
    const UNIFORM: bool = false;

    #[inline(always)]
    fn i32(&self, s: S, k: usize, at: usize, i: usize) -> S::I32 {
        // A quad begins within the elements: said so, it is not asked of each vector.
        let at = at % (LEN - SLACK) + i * S::LANES;
        s.load_i32(&self.0.0[k][at..at + S::LANES])
    }
}

/// An elementwise kernel whose parameters change along the data.
pub(crate) trait PerAxis<S: Simd> {
    type In: Pod;
    type Out: Pod;

    /// Whether parameters that change from vector to vector are worth a kernel of their own.
    const BY_VECTOR: bool = true;

    /// From `x` to `out`, all with the parameters `p`.
    #[inline(always)]
    fn uniform<W: LaneParams<N>, const N: usize>(
        &mut self,
        s: S,
        words: W,
        p: usize,
        x: &[Self::In],
        out: &mut [Self::Out],
    ) {
        self.varied(s, Uniform::new(s, words.words(p)), x, out);
    }

    /// From `x` to `out`, with the words of `source`.
    fn varied(&mut self, s: S, source: impl Source<S>, x: &[Self::In], out: &mut [Self::Out]);
}

/// The shortest run of elements with the same parameters that is worth a loop of its own.
const LONG: usize = 128;

/// Runs a kernel over all panels of a layout.
#[inline(always)]
pub(crate) fn run_per_axis<S: Simd, K: PerAxis<S>, W: LaneParams<N>, const N: usize>(
    s: S,
    kernel: &mut K,
    words: W,
    layout: &Layout,
    mut x: &[K::In],
    mut out: &mut [K::Out],
) {
    if x.is_empty() {
        return;
    }
    for p in 0..layout.panels {
        let panel = layout.panel(p);
        let (x_now, x_later) = x.split_at(panel.rows * panel.width);
        let (out_now, out_later) = out.split_at_mut(panel.rows * panel.width);
        let is_whole = const { K::BY_VECTOR } && panel.run.is_power_of_two();
        if panel.run >= if is_whole { LONG } else { S::STEP / 2 } || panel.params == 1 {
            by_run(s, kernel, words, panel, x_now, out_now);
        } else if const { K::BY_VECTOR } && panel.run >= S::LANES && is_whole {
            by_vector(s, kernel, words, panel, x_now, out_now);
        } else {
            by_lane(s, kernel, words, panel, x_now, out_now);
        }
        (x, out) = (x_later, out_later);
    }
}

/// Runs a kernel over a panel run by run.
#[inline(always)]
fn by_run<S: Simd, K: PerAxis<S>, W: LaneParams<N>, const N: usize>(
    s: S,
    kernel: &mut K,
    words: W,
    panel: Panel,
    x: &[K::In],
    out: &mut [K::Out],
) {
    for row in 0..panel.rows {
        for p in 0..panel.params {
            let from = row * panel.width + p * panel.run;
            let len = panel.run.min(panel.width - p * panel.run);
            let (x, out) = (&x[from..][..len], &mut out[from..][..len]);
            kernel.uniform(s, words, panel.first + p, x, out);
        }
    }
}

/// Runs a kernel over a panel whose runs are whole vectors.
#[inline(always)]
fn by_vector<S: Simd, K: PerAxis<S>, W: LaneParams<N>, const N: usize>(
    s: S,
    kernel: &mut K,
    words: W,
    panel: Panel,
    x: &[K::In],
    out: &mut [K::Out],
) {
    let source = ByVector {
        words,
        first: panel.first,
        last: panel.first + panel.params - 1,
        log2_run: panel.run.trailing_zeros(),
    };
    for row in 0..panel.rows {
        let from = row * panel.width;
        let (x, out) = (&x[from..][..panel.width], &mut out[from..][..panel.width]);
        kernel.varied(s, source, x, out);
    }
}

/// Runs a kernel over a panel, a tile of its columns at a time: the words of the tile's elements are
/// laid out, and serve all rows.
#[inline(always)]
fn by_lane<S: Simd, K: PerAxis<S>, W: LaneParams<N>, const N: usize>(
    s: S,
    kernel: &mut K,
    words: W,
    panel: Panel,
    x: &[K::In],
    out: &mut [K::Out],
) {
    // Short rows follow each other without a gap, so several of them are as good as a long one.
    let stride = panel.width * (TILE / panel.width).clamp(1, panel.rows);
    // Tiles of about the same width: a narrow last one would cost as much as a wide one.
    let tile = stride.div_ceil(stride.div_ceil(TILE)).next_multiple_of(S::STEP);
    // Any words do: those that are asked for are overwritten. (Zeros would be a call of `memset`.)
    let mut columns = Columns([[words.words(panel.first)[0] as i32; TILE + SLACK]; N]);
    let mut start = 0;
    while start < stride {
        let len = tile.min(stride - start);
        fill(s, &mut columns, words, panel, start, len);
        let mut from = start;
        while from < x.len() {
            let len = len.min(x.len() - from);
            let (x, out) = (&x[from..][..len], &mut out[from..][..len]);
            kernel.varied(s, ByLane(&columns), x, out);
            from += stride;
        }
        start += len;
    }
}

/// Lays out the words of `len` elements, from the element `start` of a panel's row on.
#[inline(always)]
fn fill<S: Simd, W: LaneParams<N>, const N: usize>(
    s: S,
    columns: &mut Columns<N, { TILE + SLACK }>,
    words: W,
    panel: Panel,
    start: usize,
    len: usize,
) {
    let Panel { first, width, run, .. } = panel;
    // `len` goes beyond the row only where `start` is 0 and whole rows follow.
    let in_row = len.min(width - start);
    if run == 1 {
        columns.fill(words, first + start, in_row);
    } else {
        let mut done = 0;
        let mut p = start / run;
        while done < in_row {
            let words = words.words(first + p);
            p += 1;
            let end = (p * run - start).min(in_row);
            // Whole vectors: what is too much is overwritten by the next run.
            while done < end {
                for k in 0..N {
                    let to = &mut columns.0[k][done..][..S::LANES];
                    s.store_i32(s.splat_i32(words[k] as i32), to);
                }
                done += S::LANES;
            }
            done = end;
        }
    }
    // Further rows are copies of the first.
    let mut done = in_row;
    while done < len {
        let more = done.min(len - done);
        for k in 0..N {
            columns.0[k].copy_within(..more, done);
        }
        done += more;
    }
}
