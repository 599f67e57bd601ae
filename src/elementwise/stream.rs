//! Operations in pieces: on several threads, and with stores past the caches, where input and output are too
//! large for them.
//!
//! What is stored past the caches is run piece by piece into a buffer that stays in the first of them, and the
//! whole cache lines of each piece are streamed from there. So no kernel knows of it, and a line that is streamed
//! is written once, when it is right.

#[cfg(feature = "rayon")]
use crate::simd::environment::in_default;
use crate::simd::{LINE, Simd, Streaming};
use crate::tier::{Entry, Operation, Pieces, Tier, entries};
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

/// The bytes that an operation from `x` to `out` goes to.
#[inline(always)]
pub(crate) fn bytes_of<X, T>(x: &[X], out: &[T]) -> usize {
    size_of_val(x) + size_of_val(out)
}

/// How many elements make a piece, of types of these sizes.
pub(crate) const fn piece(x: usize, out: usize) -> usize {
    PIECE / if x > out { x } else { out }
}

/// The longest row of elements of this size that can be made at a time.
pub(crate) const fn longest(out: usize) -> usize {
    LONG_PIECE / out
}

/// Runs an elementwise operation piece by piece, if it is worth it, `make` on each: its layout, which
/// parameters it has, and its elements. `bytes`: those that make it stored past the caches.
#[inline(always)]
pub(crate) fn in_pieces<X: Pod + Sync, T: Pod + Send>(
    tier: Tier,
    by: Pieces,
    bytes: usize,
    layout: &Layout,
    x: &[X],
    out: &mut [T],
    make: impl Fn(&Layout, Range<usize>, &[X], &mut [T]) + Sync,
) -> Option<()> {
    match by {
        #[cfg(not(feature = "rayon"))]
        Pieces::OnThreads => None,
        #[cfg(feature = "rayon")]
        Pieces::OnThreads => {
            let threads = threads(bytes_of(x, out))?;
            let stream = is_large(bytes);
            on_threads(threads, layout, x, out, |layout, params, x, out| {
                in_default(|| {
                    if stream {
                        let make = |layout: &Layout, of: Range<usize>, x: &[X], out: &mut [T]| {
                            make(layout, params.start + of.start..params.start + of.end, x, out);
                        };
                        streamed(tier, layout, x, out, make);
                    } else {
                        make(layout, params.clone(), x, out);
                    }
                });
            })
        }
        Pieces::Streamed => is_large(bytes).then(|| streamed(tier, layout, x, out, make)),
    }
}

/// The same where all elements have the same parameters.
#[inline(always)]
pub(crate) fn tensor_in_pieces<X: Pod + Sync, T: Pod + Send>(
    tier: Tier,
    by: Pieces,
    x: &[X],
    out: &mut [T],
    make: impl Fn(&[X], &mut [T]) + Sync,
) -> Option<()> {
    let (bytes, layout) = (bytes_of(x, out), &Layout::tensor(x.len()));
    in_pieces(tier, by, bytes, layout, x, out, |_, _, x, out| make(x, out))
}

/// The threads that so many bytes are worth, if it is more than this one.
#[cfg(feature = "rayon")]
#[inline(always)]
pub(crate) fn threads(bytes: usize) -> Option<usize> {
    /// Bytes that are worth a thread: at least twice the time that it takes to wake one up.
    const WORTH: usize = 1 << 20;
    if bytes < 2 * WORTH {
        return None;
    }
    let threads = rayon::current_num_threads().min(bytes / WORTH);
    (threads > 1).then_some(threads)
}

/// Runs `make` on about as many pieces as threads, unless the layout has much smaller ones.
#[cfg(feature = "rayon")]
#[cold]
fn on_threads<X: Pod + Sync, T: Pod + Send>(
    threads: usize,
    layout: &Layout,
    x: &[X],
    out: &mut [T],
    make: impl Fn(&Layout, Range<usize>, &[X], &mut [T]) + Sync,
) -> Option<()> {
    /// Pieces for each thread, at most.
    const MOST: usize = 8;
    let longest = x.len().div_ceil(threads).next_multiple_of(LINE);
    let mut pieces = 0;
    layout.each_piece(longest, |_, _, _| pieces += 1);
    if pieces > MOST * threads {
        return None;
    }
    rayon::scope(|scope| {
        let (make, mut rest) = (&make, out);
        layout.each_piece(longest, |layout, params, elements| {
            let (now, later) = core::mem::take(&mut rest).split_at_mut(elements.len());
            rest = later;
            let (layout, x) = (*layout, &x[elements]);
            scope.spawn(move |_| make(&layout, params, x, now));
        });
    });
    Some(())
}

/// Runs it piece by piece past the caches.
#[cold]
fn streamed<X: Pod, T: Pod>(
    tier: Tier,
    layout: &Layout,
    x: &[X],
    out: &mut [T],
    make: impl Fn(&Layout, Range<usize>, &[X], &mut [T]),
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
