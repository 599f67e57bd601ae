//! Matrix products of codes: weights as they are packed, their products with activations, linear layers.
//!
//! [`Weights`] are packed once, for a tier; a [`PackedMatrix`] then multiplies: to exact i32 sums
//! ([`PackedMatrix::multiply`]), to codes ([`PackedMatrix::requantize`]), or to f32
//! ([`PackedMatrix::dequantize`]). [`Weights`] that are not packed have the same three. A [`Linear`] layer owns its
//! weights, parameters and bias, and is f32 to f32.

mod dequantize;
mod dots;
mod layer_multipliers;
#[cfg(feature = "alloc")]
mod linear;
mod multiply;
mod pack;
mod packed;
mod product;
mod requantize;
mod scratch;

pub use layer_multipliers::layer_multipliers;
#[cfg(feature = "alloc")]
pub use linear::Linear;
pub use packed::{AnyMatrix, PackedMatrix, Weights};
pub use scratch::{Activations, Input, Scratch};
