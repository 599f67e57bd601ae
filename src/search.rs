//! Pairs of vectors of codes, and a vector and many rows: dot products, distances, cosines, sums.
//!
//! [`dot()`](crate::dot()) itself is at the root of the crate.

mod cosine;
pub(crate) mod dot;
mod dot_rows;
mod l2_rows;
mod l2_squared;
mod operand;
mod sum;

pub use cosine::cosine;
pub use dot::dot_with_sums;
pub use dot_rows::dot_rows;
pub use l2_rows::l2_rows;
pub use l2_squared::l2_squared;
pub use sum::sum;
