//! What the operations take and give: codes, their parameters, and views of slices.

pub(crate) mod code;
pub(crate) mod granularity;
pub(crate) mod multiplier;
pub(crate) mod params;
pub(crate) mod rounding;
pub(crate) mod rows;
pub(crate) mod zero_points;
