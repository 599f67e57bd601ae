//! Stores past the caches, of operations whose input and output are too large for them.
//!
//! Such an operation is run piece by piece into a buffer that stays in the first cache, and the whole cache
//! lines of each piece are streamed from there. So no kernel knows of it, and a line that is streamed is
//! written once, when it is right.

use crate::simd::{Simd, Streaming};
use crate::tier::{Entry, Operation, Tier, entries};
use crate::values::granularity::Layout;
use bytemuck::Pod;
use core::ops::Range;

/// Bytes that are too many for the caches; few in unit tests, whose tier notes what is streamed.
const MANY: usize = if cfg!(test) { 32 << 10 } else { 64 << 20 };

/// Bytes of a piece of the input or of the output, whichever has the larger elements: few, so that loads and
/// stores take turns.
const PIECE: usize = 2560;

/// The same where the parameters of a piece have to be laid out for it.
const LONG_PIECE: usize = 6 * PIECE;

/// Bytes of a cache line.
const LINE: usize = 64;

/// Room for a piece.
///
/// It begins a page: loads wait for streamed stores to the same place of another page, and large slices
/// begin where pages do, or nearly, so the distance is always the same, and a good one. Where the stack
/// happens to be, some calls took twice as long. The slack is for a piece that begins where the output does in
/// its line.
#[repr(align(4096))]
pub(crate) struct Room([u8; LONG_PIECE + LINE]);

impl Room {
    #[inline(always)]
    pub(crate) const fn new() -> Self {
        Self([0; LONG_PIECE + LINE])
    }
}

/// A piece of an output on its way, and the right to stream it.
pub(crate) struct Buffer<'r> {
    bytes: &'r mut [u8; LONG_PIECE + LINE],
    streaming: Streaming,
}

impl<'r> Buffer<'r> {
    #[inline(always)]
    pub(crate) fn new(room: &'r mut Room) -> Self {
        Self { bytes: &mut room.0, streaming: Streaming::new() }
    }

    /// The elements that become those of `out`, which are at most `LONG_PIECE` bytes.
    pub(crate) fn of<T: Pod>(&mut self, out: &[T]) -> &mut [T] {
        let start = out.as_ptr().addr() % LINE;
        bytemuck::cast_slice_mut(&mut self.bytes[start..start + size_of_val(out)])
    }

    /// Stores them. `later`: what is read next.
    pub(crate) fn flush<X: Pod, T: Pod>(&mut self, tier: Tier, out: &mut [T], later: &[X]) {
        let start = out.as_ptr().addr() % LINE;
        let from = &self.bytes[start..start + size_of_val(out)];
        let (to, later) = (bytemuck::cast_slice_mut(out), bytemuck::cast_slice(later));
        Flush { from, to, later, streaming: &self.streaming }.enter(tier, true);
    }
}

/// Whether an operation that goes to so many bytes should store past the caches.
#[inline(always)]
pub(crate) fn is_large(bytes: usize) -> bool {
    bytes >= MANY
}

/// The same of an operation from `x` to `out`.
#[inline(always)]
pub(crate) fn are_large<X, T>(x: &[X], out: &[T]) -> bool {
    is_large(size_of_val(x) + size_of_val(out))
}

/// How many elements make a piece, of types of these sizes.
pub(crate) const fn piece(x: usize, out: usize) -> usize {
    PIECE / if x > out { x } else { out }
}

/// The longest row of elements of this size that can be made at a time.
pub(crate) const fn longest(out: usize) -> usize {
    LONG_PIECE / out
}

/// Runs an elementwise operation piece by piece past the caches, `make` on each: its layout, which
/// parameters it has, and its elements.
#[cold]
pub(crate) fn in_pieces<X: Pod, T: Pod>(
    tier: Tier,
    layout: &Layout,
    x: &[X],
    out: &mut [T],
    mut make: impl FnMut(&Layout, Range<usize>, &[X], &mut [T]),
) {
    let mut room = Room::new();
    let mut buffer = Buffer::new(&mut room);
    let mut longest = piece(size_of::<X>(), size_of::<T>());
    if !layout.has_long_runs() {
        longest = LONG_PIECE / size_of::<X>().max(size_of::<T>());
    }
    layout.each_piece(longest, |layout, params, elements| {
        let Range { start, end } = elements;
        let later = &x[end..x.len().min(end + end - start)];
        let (x, out) = (&x[start..end], &mut out[start..end]);
        make(layout, params, x, buffer.of(out));
        buffer.flush(tier, out, later);
    });
}

entries!(Flush<'_>);

struct Flush<'a> {
    from: &'a [u8],
    to: &'a mut [u8],
    later: &'a [u8],
    streaming: &'a Streaming,
}

impl Operation for Flush<'_> {
    type Output = ();

    const FLOATS: bool = false;

    /// Whole lines past the caches, the others through them; for each line, its share of what comes later
    /// is asked for.
    #[inline(always)]
    fn simd<S: Simd>(&mut self, s: S) {
        let Self { from, later, streaming, .. } = *self;
        let len = from.len();
        let to = &mut self.to[..len];
        let start = to.as_ptr().align_offset(LINE).min(len);
        let end = start + (len - start) / LINE * LINE;
        to[..start].copy_from_slice(&from[..start]);
        to[end..].copy_from_slice(&from[end..]);
        let lines = ((end - start) / LINE).max(1);
        let share = later.len().div_ceil(LINE).div_ceil(lines);
        let bytes = 4 * S::LANES;
        let (mut at, mut asked) = (start, later.as_ptr());
        while at < end {
            for _ in 0..share {
                s.prefetch(asked);
                asked = asked.wrapping_add(LINE);
            }
            let line = at + LINE;
            while at < line {
                s.stream_u8(streaming, s.load_u8(&from[at..][..bytes]), &mut to[at..][..bytes]);
                at += bytes;
            }
        }
    }
}
