//! The operations, one a file: the formula, the public functions, the kernel.

mod clamp;
mod cosine;
mod dequantize;
mod dot;
mod dot_rows;
mod encode;
mod fake_quantize;
mod l2_rows;
mod l2_squared;
mod min_max;
mod operand;
mod pad;
mod quantize;
mod quantize_dynamic;
mod quantize_dynamic_rows;
mod quotient;
mod requantize;
mod rescale;
mod sum;

pub use clamp::{clamp, relu};
pub use cosine::cosine;
pub use dequantize::dequantize;
pub use dot::{dot, dot_with_sums};
pub use dot_rows::dot_rows;
pub use fake_quantize::fake_quantize;
pub use l2_rows::l2_rows;
pub use l2_squared::l2_squared;
pub use min_max::min_max;
pub use pad::{Border, pad};
pub use quantize::quantize;
pub use quantize_dynamic::quantize_dynamic;
pub use quantize_dynamic_rows::quantize_dynamic_rows;
pub use requantize::requantize;
pub use rescale::rescale;
pub use sum::sum;
