//! What the targets of requantization share.
#![allow(dead_code, reason = "not every target uses all of it")]

use arbitrary::Arbitrary;
use zeropoint::Multiplier;

/// An accumulator: any, or a smaller one.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub enum Accumulator {
    Any(i32),
    Small(i16),
    Lowest,
    Highest,
}

impl Accumulator {
    pub fn get(self) -> i32 {
        match self {
            Self::Any(accumulator) => accumulator,
            Self::Small(accumulator) => accumulator.into(),
            Self::Lowest => i32::MIN,
            Self::Highest => i32::MAX,
        }
    }
}

/// A multiplier: any real one, an ordinary one, any in fixed point, an ordinary one; with double
/// rounding too.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub enum Factor {
    Real(u32),
    RealOrdinary(u16),
    Fixed(i32, u8),
    FixedOrdinary(u16),
    RoundedTwice(i32, u8),
    RoundedTwiceOrdinary(u16),
}

impl Factor {
    pub fn get(self) -> Multiplier {
        match self {
            Self::Real(bits) => Multiplier::real(f32::from_bits(bits % 0x7f80_0000)),
            Self::RealOrdinary(n) => Multiplier::real(f32::from(n) * 1e-4),
            Self::Fixed(multiplier, exponent) => {
                Multiplier::from_fixed(multiplier & i32::MAX, i32::from(exponent % 62) - 31)
            }
            Self::FixedOrdinary(n) => Multiplier::fixed(f64::from(n) * 1e-4),
            Self::RoundedTwice(multiplier, exponent) => {
                let exponent = i32::from(exponent % 62) - 31;
                Multiplier::from_fixed_double_rounding(multiplier & i32::MAX, exponent)
            }
            Self::RoundedTwiceOrdinary(n) => Multiplier::fixed_double_rounding(f64::from(n) * 1e-4),
        }
        .unwrap()
    }
}

/// `factor`, if it is of the kind that `first` is; else `first`.
pub fn of_the_kind_of(first: Factor, factor: Factor) -> Factor {
    if factor.get().kind() == first.get().kind() { factor } else { first }
}
