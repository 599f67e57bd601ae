//! SIMD kernels for integer tensor quantization: find the range of a tensor, choose a scale and a
//! zero point, quantize it to codes of 8 or 16 bits, and back; multiply and compare 8-bit codes exactly.
//!
//! ```
//! use zeropoint::{QuantParams, dequantize, min_max, quantize};
//!
//! let x = [0.0, 2.0, -3.0, -2.5, 1.34, 0.5];
//!
//! let range = min_max(&x).expect("x has elements");
//! let params = QuantParams::<u8>::affine(range)?;
//!
//! let mut codes = [0; 6];
//! quantize(&x, params, &mut codes)?;
//! assert_eq!(codes, [153, 255, 0, 26, 221, 179]);
//!
//! let mut y = [0.0; 6];
//! dequantize(&codes, params, &mut y)?;
//! assert_eq!(y[0], 0.0); // 0.0 is exact, always
//! # Ok::<(), zeropoint::Error>(())
//! ```
//!
//! The free functions run on the fastest instruction set that the CPU has; it is found once. A [`Tier`] is an
//! instruction set to choose, and has the same operations as methods. [`mod@reference`] is the specification, in
//! plain loops.
//!
//! | module | what it has |
//! |---|---|
//! | the root | elementwise operations on tensors: ranges, parameters, codes |
//! | [`gemm`] | matrix products of codes, packed weights, linear layers |
//! | [`search`] | dot products, distances and cosines of vectors of codes |
//! | [`norm`] | layer norm and RMS norm, with quantization in the same pass |
//! | [`image`] | padding and the windows of convolutions |
//! | [`measure`] | mean, variance, and the loss by quantization |
//! | `calibrate` | the choice of a range from many batches |
//!
//! # The contract
//!
//! Every operation gives the same bits on every tier, for every length, alignment and position of
//! an element in the slice. Arithmetic is in f32, each operation rounded once; `rne` rounds half
//! to even; `[lo, hi]` are the codes in use, and `lo <= z <= hi`.
//!
//! | operation | definition |
//! |---|---|
//! | [`min_max()`] | NaN are ignored, ±∞ are ordinary values, a zero is reported as +0.0; `None` if nothing is left |
//! | [`min_max_each()`] | the same of each channel or block: see [`Granularity`] |
//! | [`Scheme::affine`] | the range is extended to include 0; `s = (max − min) / (hi − lo)`, `z = clamp(rne(lo − min / s), lo, hi)`: ONNX `DynamicQuantizeLinear`, bit for bit |
//! | [`Scheme::symmetric`] | `z = 0`; `i8`: codes −127..=127, `s = max(\|min\|, \|max\|) / 127`; `u8`: `min >= 0`, `s = max / 255`; `i16` and `u16` alike |
//! | [`QuantParams::new`] | a scale that is finite and at least [`MIN_SCALE`], and no code that overflows |
//! | [`quantize()`] | `clamp(rne(x / s) + z, lo, hi)`, by the true quotient; NaN gives `z`, ±∞ saturate |
//! | [`dequantize()`] | `(q − z) · s`, the difference exact; of scales that are given as a slice, any finite one |
//! | [`fake_quantize()`] | `dequantize(quantize(x))` in one pass |
//! | [`Params`] | the three take one set of parameters, or one for each channel of `[outer, channels, inner]`, or for each of the [`Blocks`] along an axis |
//! | [`quantize_dynamic()`], [`quantize_dynamic_rows()`] | range, parameters and codes in one call, of a tensor or of each row |
//! | [`requantize()`] | i32 accumulators to codes: `clamp(rne(f32(acc) · m) + z, lo, hi)`, or by a fixed-point multiplier, `(acc · M + half) >> shift`, or with the double rounding of gemmlowp: [`Multiplier::fixed_double_rounding`]; with [`Multipliers`], by one for each channel, and with a bias that is added to the accumulator first, saturating |
//! | [`rescale()`] | codes to codes of other parameters: `quantize(dequantize(q))` |
//! | [`lut()`] | `table[q]`: any function of one number on codes; [`lut_table()`] makes its table |
//! | [`relu()`], [`clamp()`] | `max(q, z)`, `min(max(q, lo), hi)` on codes |
//! | [`PackedMatrix::multiply`](gemm::PackedMatrix::multiply) | `Σ (a[m][k] − za)(b[k][n] − zb)`, exact; a depth at which a sum might not fit `i32` is an error |
//! | [`PackedMatrix::requantize`](gemm::PackedMatrix::requantize) | these sums as codes, as [`requantize()`] makes them |
//! | [`PackedMatrix::dequantize`](gemm::PackedMatrix::dequantize) | these sums as values, `f32(sum) · sa · sb + bias` |
//! | `gemm::Linear` | [`quantize_dynamic_rows()`] of the input, then `dequantize`: a linear layer, f32 to f32 |
//! | [`layer_multipliers()`](gemm::layer_multipliers()) | the multipliers `sa · sb / s`, in f64, then of their kind; the biases `rne(bias / (sa · sb))` by the true quotient, saturated to i32 |
//! | [`dot()`], [`dot_rows()`](search::dot_rows()) | `Σ (aᵢ − za)(bᵢ − zb)`, exact for every length, of two vectors or of one with each row |
//! | [`l2_squared()`](search::l2_squared()), [`l2_rows()`](search::l2_rows()) | `Σ ((aᵢ − za) − (bᵢ − zb))²`, exact |
//! | [`cosine()`](search::cosine()) | `ab / (√aa · √bb)` of exact dot products: 1.0 or −1.0 where `ab² = aa · bb`; else in f64, each operation rounded once, clamped to [−1, 1]; 0.0 if one of the vectors is 0 |
//! | [`sum()`](search::sum()) | `Σ aᵢ`, exact; [`dot_with_sums()`](search::dot_with_sums()) takes it where it is known |
//! | [`moments()`](measure::moments()) | mean and variance: `Σ xᵢ / n`, `Σ (xᵢ − mean)² / n`, of [sums](#sums) in a fixed order about a number near the mean; exact for equal numbers |
//! | [`normalize_rows()`](norm::normalize_rows()) | layer norm and RMS norm, as [`Norm`](norm::Norm) says: `((x − c) − d) · (1 / √(variance + ε)) · w + b`, from left to right, with the mean `c + d` in two parts; equal numbers become the bias, exactly |
//! | [`normalize_quantize_rows()`](norm::normalize_quantize_rows()) | [`normalize_rows()`](norm::normalize_rows()) and [`quantize_dynamic_rows()`] in one pass |
//! | [`fidelity()`](measure::fidelity()), [`quantization_fidelity()`](measure::quantization_fidelity()) | mean squared error, SQNR in dB, largest error, cosine similarity, of a tensor and what quantization makes of it; right for all finite numbers |
//! | [`pad()`](image::pad()) | a border of zero points around images of codes |
//! | [`im2col()`](image::im2col()) | the [`Windows`](image::Windows) of an image of codes as the rows of a matrix, zero points outside: a convolution is its product |
//! | `calibrate` | a range by one of nine methods, of finite numbers that come batch by batch: exactly the same in any order, but for the sums that `calibrate::Method` names |
//!
//! An argument that does not fit (lengths that differ, an inverted range) is an [`Error`] that names the
//! argument, its row and the numbers. No public function panics, on any input. On an error outputs are
//! untouched, but for [`quantize_dynamic_rows()`] and
//! [`normalize_quantize_rows()`](norm::normalize_quantize_rows()), which have done the rows before the one that
//! the error names.
//!
//! # Data that is not finite
//!
//! | operation | a NaN or an infinity in `x` |
//! |---|---|
//! | [`quantize()`], [`fake_quantize()`] | a NaN gets the zero point, infinities saturate |
//! | [`quantize_dynamic()`] | NaN are ignored and get the zero point, as in ONNX; an infinity is an error |
//! | [`quantize_dynamic_rows()`], [`normalize_quantize_rows()`](norm::normalize_quantize_rows()) | an error that names the first such row |
//! | the three, by [`Scheme::of_finite`] | the range of the finite elements, and codes as [`quantize()`] gives them |
//! | `gemm::Linear` | the row becomes a row of `f32::NAN`; the others are the same as without it |
//!
//! # From f32 weights to a product
//!
//! The weights of a layer, `[N, K]` with a row for each output, are quantized by [`quantize_dynamic_rows()`],
//! row by row, which gives codes and a set of parameters for each column of the matrix;
//! [`Weights::transposed`](gemm::Weights::transposed) packs the codes, and a `gemm::Linear` layer takes both: it
//! has the example. For codes as output, [`layer_multipliers()`](gemm::layer_multipliers()) makes the
//! multipliers and the biases of [`PackedMatrix::requantize`](gemm::PackedMatrix::requantize) from the
//! parameters of input, weights and output.
//!
//! # Sums
//!
//! Sums of codes are exact. A sum of f32 depends on its order, which is this one on every tier: a
//! slice is taken in blocks of 4096 elements; in a block the term of element `i` is added to lane
//! `i mod 64`, in f32; then lane `i + 32` is added to lane `i`, `i + 16` to `i`, and so on until one
//! is left; the sums of the blocks are added in f64. That is nearer to the true sum than adding one
//! term after the other: no number is the sum of more than 70 roundings.
//!
//! f32 lacks the range for some blocks: a square of 1e20 is infinite, one of 1e-25 is 0. If one of the
//! sums over a block (of the four of [`fidelity()`](measure::fidelity()), or of the two about one number of [`moments()`](measure::moments()))
//! is not finite, or a sum of squares is below 2⁻¹⁰⁰, the sums over this block are made again in f64:
//! the terms, the lanes and their addition, in the same order. Such blocks take up to four times as
//! long; blocks of zeros are among them.
//!
//! Where a result is NaN, it is `f32::NAN` (or `f64::NAN`), bit for bit; only those that come of
//! weights or biases that are not finite may have other bits.
//!
//! # Threads
//!
//! Every function may be called from many threads at once. None starts any. With the feature `rayon`, calls that
//! take some 40 µs or more are split over the threads of the current pool: matrix products, unless the matrix or
//! the layer is to stay on one thread (`on_one_thread`), and elementwise operations, ranges and
//! [`quantize_dynamic()`] from 2 MiB of input and output on. Results do not depend on how many threads there are.
//! What works row by row (dynamic rows, norms), distances and calibration stay on the caller's thread.
//!
//! A call takes at most 64 KiB of stack in a release build; a small one takes much less.
//!
//! # The floating-point environment
//!
//! Hosts change how the CPU rounds, or have subnormal numbers flushed to zero (code linked with
//! `-ffast-math` does so when it is loaded). Results are the same bits whatever the host has set: what
//! calculates with floats looks whether the setting is the default one, which costs less than a nanosecond,
//! and otherwise sets it for the length of the call, on each thread by itself. So it is on x86 with SSE2
//! (MXCSR) and on aarch64 (FPCR). Other targets have no such register (WebAssembly), or the crate does not
//! look after it: 32-bit Arm, RISC-V, PowerPC and others need the default environment, and PowerPC the
//! vectors of VSX, since those of `AltiVec` take subnormal numbers as zero. The flags that operations leave
//! behind, exceptions that the host has unmasked, and the functions of [`mod@reference`], which are for
//! tests, are outside this promise.
//!
//! # What is guaranteed and how it is tested
//!
//! | guarantee | how it is tested |
//! |---|---|
//! | the contract, bit for bit, on every tier | each operation against [`mod@reference`], a plain loop: every length up to 257 and more, every alignment, special values at every position, random arguments; no comparison has a tolerance |
//! | exact quotients | tried in full for all 2²³ mantissas of a scale, at the floats around each point where the code changes; the example `prove` tries all 2³² floats for 72 scales |
//! | no read or write outside the slices | slices of 264 lengths that end right before a page that can't be touched, or begin right after one; guards around outputs; AddressSanitizer |
//! | no panic, and the right error, on any input | 22 fuzz targets, with wrong lengths and overflowing shapes among their arguments, run with AddressSanitizer and checks for integers that wrap around |
//! | the same on every CPU | all tests on emulated ones too: x86 without AVX, and with AVX2 only; aarch64 without and with the dot products of ARMv8.2 and I8MM; x86 with 32 bits; a big-endian PowerPC |
//! | no dependence on the floating-point environment | every operation under all rounding modes, with subnormal numbers flushed to zero, taken as zero, or both: the bits of the default, and the host's setting restored |
//! | a small stack | every operation on a thread of 96 KiB |
//! | streamed stores are fenced, and what was streamed is not touched before | in unit tests the tier `scalar` streams, and keeps record of every store |
//! | no dependence on threads | 32 threads at once that use the crate for the first time; parts of a tensor on any number of them, on different tiers |
//! | what ONNX asks for | ONNX's own node tests of the operators that there are; 10801 cases of five operators, 4.1 million outputs, against ONNX Runtime: `tests/conformance/README.md` has the differences |
//!
//! `unsafe` is denied but in the files that wrap the intrinsics of an instruction set. What each of
//! these tests catches was tried by breaking the kernels: `tests/MUTATIONS.md` has the list.
//!
//! # Features
//!
//! The operations on each element, at the root, are always there. Each module is a feature of its own, `gemm`,
//! `search`, `norm`, `image`, `measure` and `calibrate` ([`dot`] belongs to `search`), and all are on by default
//! (`full`). Who leaves out some of them waits less for the compiler.
//!
//! Without the default feature `std` the crate is `no_std`, and there is no detection: the tiers
//! are those that the compiler was told to assume (`-C target-feature=+avx2,+fma`, for instance).
//! Packed matrices have memory of their own with the feature `alloc`, which `std` includes; without,
//! [`Weights::pack_into`](gemm::Weights::pack_into) takes a buffer; a `gemm::Linear` layer needs `alloc`.
//!
//! # In debug builds
//!
//! Kernels without optimisation are some hundred times slower. They are all compiled in this
//! crate, so these two lines in your `Cargo.toml` keep debug builds fast:
//!
//! ```toml
//! [profile.dev.package.zeropoint]
//! opt-level = 3
//! ```
#![cfg_attr(not(feature = "std"), no_std)]
#![cfg_attr(
    not(all(feature = "calibrate", feature = "gemm", feature = "image", feature = "search")),
    allow(
        dead_code,
        unused_imports,
        unused_macros,
        reason = "what only a family uses that is left out"
    )
)]

/// The code of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

#[cfg(feature = "calibrate")]
pub mod calibrate;
mod check;
mod elementwise;
mod error;
#[cfg(feature = "gemm")]
pub mod gemm;
#[cfg(feature = "image")]
pub mod image;
mod kernels;
#[cfg(feature = "measure")]
pub mod measure;
#[cfg(feature = "norm")]
pub mod norm;
pub mod reference;
#[cfg(feature = "search")]
pub mod search;
mod simd;
#[cfg(all(test, feature = "norm"))]
mod tests;
mod tier;
mod values;

pub use elementwise::clamp::{clamp, relu};
pub use elementwise::dequantize::dequantize;
pub use elementwise::fake_quantize::fake_quantize;
pub use elementwise::lut::{lut, lut_table};
pub use elementwise::min_max::min_max;
pub use elementwise::min_max_each::min_max_each;
pub use elementwise::quantize::quantize;
pub use elementwise::quantize_dynamic::quantize_dynamic;
pub use elementwise::quantize_dynamic_rows::quantize_dynamic_rows;
pub use elementwise::requantize::requantize;
pub use elementwise::rescale::rescale;
pub use error::Error;
#[cfg(feature = "search")]
pub use search::dot::dot;
pub use tier::Tier;
pub use values::code::{Code, Code8};
pub use values::granularity::{Blocks, Granularity, Params};
pub use values::multiplier::{Multiplier, MultiplierKind, Multipliers};
pub use values::params::{MIN_SCALE, QuantParams, Range, Scheme};
pub use values::rows::{Rows, RowsMut};
pub use values::zero_points::ZeroPoints;
