//! The operations on each element, one a file: the formula, the public functions, the kernel.

pub(crate) mod choices;
pub(crate) mod clamp;
pub(crate) mod dequantize;
pub(crate) mod dequantize_per_axis;
pub(crate) mod encode;
pub(crate) mod fake_quantize;
pub(crate) mod fake_quantize_per_axis;
pub(crate) mod lut;
pub(crate) mod min_max;
pub(crate) mod min_max_each;
pub(crate) mod quantize;
pub(crate) mod quantize_dynamic;
pub(crate) mod quantize_dynamic_rows;
pub(crate) mod quantize_per_axis;
pub(crate) mod quotient;
pub(crate) mod requantize;
pub(crate) mod requantize_per_axis;
pub(crate) mod rescale;
pub(crate) mod stream;
pub(crate) mod wide;
