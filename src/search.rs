//! Pairs of vectors of codes, and a vector and many rows: dot products, distances, cosines, sums.

pub(crate) mod cosine;
pub(crate) mod dot;
pub(crate) mod dot_rows;
pub(crate) mod l2_rows;
pub(crate) mod l2_squared;
pub(crate) mod operand;
pub(crate) mod sum;
