//! The operations, one a file: the formula, the public functions, the kernel.

mod clamp;
mod dequantize;
mod encode;
mod fake_quantize;
mod min_max;
mod pad;
mod quantize;
mod quantize_dynamic;
mod quantize_dynamic_rows;
mod quotient;
mod requantize;
mod rescale;

pub use clamp::{clamp, relu};
pub use dequantize::dequantize;
pub use fake_quantize::fake_quantize;
pub use min_max::min_max;
pub use pad::{Border, pad};
pub use quantize::quantize;
pub use quantize_dynamic::quantize_dynamic;
pub use quantize_dynamic_rows::quantize_dynamic_rows;
pub use requantize::requantize;
pub use rescale::rescale;
