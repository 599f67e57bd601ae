//! Matrix products: weights as they are packed, the loops over tiles, and what becomes of the sums.

pub(crate) mod layer_multipliers;
pub(crate) mod linear;
pub(crate) mod matmul;
pub(crate) mod matmul_dequantize;
pub(crate) mod matmul_requantize;
pub(crate) mod packed;
mod product;
