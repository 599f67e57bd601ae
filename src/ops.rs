//! The operations, one a file: the formula, the public functions, the kernel.

mod clamp;
mod dequantize;
mod dequantize_channels;
mod encode;
mod fake_quantize;
mod fake_quantize_channels;
mod min_max;
mod min_max_channels;
mod pad;
mod quantize;
mod quantize_channels;
mod quantize_dynamic;
mod quantize_dynamic_rows;
mod quotient;
mod requantize;
mod requantize_channels;
mod rescale;

pub use clamp::{clamp, relu};
pub use dequantize::dequantize;
pub use dequantize_channels::{dequantize_blocks, dequantize_channels};
pub use fake_quantize::fake_quantize;
pub use fake_quantize_channels::{fake_quantize_blocks, fake_quantize_channels};
pub use min_max::min_max;
pub use min_max_channels::{min_max_blocks, min_max_channels};
pub use pad::{Border, pad};
pub use quantize::quantize;
pub use quantize_channels::{quantize_blocks, quantize_channels};
pub use quantize_dynamic::quantize_dynamic;
pub use quantize_dynamic_rows::quantize_dynamic_rows;
pub use requantize::requantize;
pub use requantize_channels::requantize_channels;
pub use rescale::rescale;
