//! The operations, one a file: the formula, the public functions, the kernel.

mod dequantize;
mod encode;
mod fake_quantize;
mod min_max;
mod quantize;
mod quantize_dynamic;
mod quotient;
mod relu;
mod requantize;

pub use dequantize::dequantize;
pub use fake_quantize::fake_quantize;
pub use min_max::min_max;
pub use quantize::quantize;
pub use quantize_dynamic::quantize_dynamic;
pub use relu::relu;
pub use requantize::requantize;
