//! Bare loops: the memory traffic of an operation, and next to no work. No kernel that reads and
//! writes as much can be much faster.
//!
//! They are plain Rust, compiled for this CPU. Where an output is too large for the caches, a second
//! loop streams it past them: the better of the two is the limit.
#![allow(unsafe_code, reason = "streaming stores, to buffers of the loops' own")]

use super::buffers::{random, zeros};
use bytemuck::Pod;
use std::hint::black_box;

/// A loop on buffers of its own.
pub(crate) type Loop = Box<dyn FnMut()>;

/// The loops of one kind of traffic.
pub(crate) struct Bare {
    /// Bytes that a call on so many elements reads and writes.
    pub(crate) bytes: fn(usize) -> usize,
    plain: MakeLoop,
    streaming: Option<MakeLoop>,
}

/// Makes buffers of so many elements, and the loop over them.
pub(crate) type MakeLoop = fn(usize) -> Loop;

impl Bare {
    /// The loops worth measuring for `len` elements.
    pub(crate) fn loops(&self, len: usize) -> impl Iterator<Item = MakeLoop> {
        let is_big = (self.bytes)(len) >= 8 << 20;
        let streaming = self.streaming.filter(|_| is_big && can_stream());
        [Some(self.plain), streaming].into_iter().flatten()
    }
}

/// Reads 4 bytes an element.
pub(crate) const READ_4: Bare = Bare {
    bytes: |len| 4 * len,
    plain: |len| {
        let x = random::<u32>(len);
        Box::new(move || {
            let x = black_box(&*x);
            pulp::Arch::new().dispatch(|| {
                black_box(x.iter().fold(0, |all, x| all | x));
            });
        })
    },
    streaming: None,
};

/// Reads 1 byte an element.
pub(crate) const READ_1: Bare = Bare {
    bytes: |len| len,
    plain: |len| {
        let x = random::<u8>(len);
        Box::new(move || {
            let x = black_box(&*x);
            pulp::Arch::new().dispatch(|| {
                black_box(x.iter().fold(0, |all, x| all | x));
            });
        })
    },
    streaming: None,
};

/// Reads weights of `N` rows and columns, of 1 byte each, whatever they are multiplied by.
pub(crate) const fn weights<const N: usize>() -> Bare {
    Bare { bytes: |_| N * N, plain: |_| (READ_1.plain)(N * N), streaming: None }
}

/// Reads 1 byte an element from each of two slices.
pub(crate) const READ_1_READ_1: Bare = Bare {
    bytes: |len| 2 * len,
    plain: |len| {
        let (x, y) = (random::<u8>(len), random::<u8>(len));
        Box::new(move || {
            let (x, y) = (black_box(&*x), black_box(&*y));
            pulp::Arch::new().dispatch(|| {
                black_box(x.iter().zip(y).fold(0, |all, (x, y)| all | x | y));
            });
        })
    },
    streaming: None,
};

/// Reads 4 bytes an element and writes 1.
pub(crate) const READ_4_WRITE_1: Bare =
    Bare { bytes: |len| 5 * len, plain: plain::<u32, u8>, streaming: Some(streaming::<u32, u8>) };

/// Reads 4 bytes an element, and in a second pass reads them again and writes 1.
pub(crate) const READ_4_READ_4_WRITE_1: Bare = Bare {
    bytes: |len| 9 * len,
    plain: |len| in_turn(READ_4.plain, plain::<u32, u8>, len),
    streaming: Some(|len| in_turn(READ_4.plain, streaming::<u32, u8>, len)),
};

/// Reads 1 byte an element and writes 4.
pub(crate) const READ_1_WRITE_4: Bare =
    Bare { bytes: |len| 5 * len, plain: plain::<u8, u32>, streaming: Some(streaming::<u8, u32>) };

/// Reads 4 bytes an element and writes 4.
pub(crate) const READ_4_WRITE_4: Bare =
    Bare { bytes: |len| 8 * len, plain: plain::<u32, u32>, streaming: Some(streaming::<u32, u32>) };

/// Reads 1 byte an element and writes 1.
pub(crate) const READ_1_WRITE_1: Bare =
    Bare { bytes: |len| 2 * len, plain: plain::<u8, u8>, streaming: Some(streaming::<u8, u8>) };

/// Reads 1 byte an element and writes it back.
pub(crate) const UPDATE_1: Bare = Bare {
    bytes: |len| 2 * len,
    plain: |len| {
        let mut x = random::<u8>(len);
        Box::new(move || {
            let x = black_box(&mut *x);
            pulp::Arch::new().dispatch(|| {
                for x in x {
                    *x ^= 1;
                }
            });
        })
    },
    streaming: None,
};

fn in_turn(first: MakeLoop, second: MakeLoop, len: usize) -> Loop {
    let (mut first, mut second) = (first(len), second(len));
    Box::new(move || {
        first();
        second();
    })
}

/// Conversion by truncation or zero extension: the cheapest there is.
trait Convert<B> {
    fn convert(self) -> B;
}

macro_rules! convert {
    ($($a:ty => $b:ty),*) => {
        $(impl Convert<$b> for $a {
            #[inline(always)]
            fn convert(self) -> $b {
                self as $b
            }
        })*
    };
}

convert!(u32 => u8, u8 => u32, u32 => u32, u8 => u8);

fn plain<A: Pod + Default + Convert<B>, B: Pod + Default>(len: usize) -> Loop {
    let (x, mut out) = (random::<A>(len), zeros::<B>(len));
    Box::new(move || {
        let (x, out) = (black_box(&*x), black_box(&mut *out));
        pulp::Arch::new().dispatch(|| {
            for (x, out) in x.iter().zip(out) {
                *out = x.convert();
            }
        });
    })
}

/// Whether this CPU has what `streaming` uses.
fn can_stream() -> bool {
    #[cfg(target_arch = "x86_64")]
    return is_x86_feature_detected!("avx2");
    #[cfg(not(target_arch = "x86_64"))]
    return false;
}

/// Lengths are powers of 2, so whole vectors are all there is.
#[cfg(target_arch = "x86_64")]
fn streaming<A: Pod + Default + Convert<B>, B: Pod + Default>(len: usize) -> Loop {
    use core::arch::x86_64::{__m256i, _mm_sfence, _mm256_stream_si256};

    #[target_feature(enable = "avx2")]
    fn stream<A: Pod + Convert<B>, B: Pod>(x: &[A], out: &mut [__m256i]) {
        let lanes = size_of::<__m256i>() / size_of::<B>();
        for (x, out) in x.chunks_exact(lanes).zip(out) {
            let mut vector = [0_u8; size_of::<__m256i>()];
            let values: &mut [B] = bytemuck::cast_slice_mut(&mut vector);
            for (x, value) in x.iter().zip(values) {
                *value = x.convert();
            }
            // SAFETY: a reference to a vector is aligned and may be written.
            unsafe { _mm256_stream_si256(out, bytemuck::must_cast(vector)) };
        }
        _mm_sfence();
    }

    let (x, mut out) = (random::<A>(len), zeros::<B>(len));
    Box::new(move || {
        let out = bytemuck::cast_slice_mut(black_box(&mut *out));
        // SAFETY: `can_stream` was asked.
        unsafe { stream::<A, B>(black_box(&x), out) };
    })
}

/// Stable Rust has no streaming stores here.
#[cfg(not(target_arch = "x86_64"))]
fn streaming<A, B>(_: usize) -> Loop {
    unreachable!("`can_stream` says no")
}
