//! SIMD kernels for integer tensor quantization.
#![cfg_attr(not(feature = "std"), no_std)]

#[cfg(feature = "std")]
extern crate std;

// The property tests run here once more, with the emulated tier among the others.
#[cfg(test)]
extern crate self as zeropoint;
#[cfg(test)]
#[path = "../tests/elementwise.rs"]
mod elementwise;

mod drive;
mod element;
mod error;
mod ops;
mod params;
pub mod reference;
mod rounding;
mod simd;
mod tier;

pub use element::Code;
pub use error::Error;
pub use ops::{dequantize, fake_quantize, min_max, quantize, quantize_dynamic, relu};
pub use params::{MIN_SCALE, QuantParams, Range, Scheme};
pub use tier::Tier;
