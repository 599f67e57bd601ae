//! Which instruction set runs: detection, forcing, and the one `match` that dispatches.

use crate::error::Error;
use crate::simd::dot::Dot;
use crate::simd::scalar::Scalar;
use crate::simd::{self, Simd};
use core::fmt;
use core::str::FromStr;
use pulp::NullaryFnOnce;

/// The tiers, slowest first: the CPUs that may have one, its name, its kind with its token, and the
/// kind of the tier that it adds dot products to (its own, if it is no such tier).
macro_rules! tiers {
    ($(#[$cpu:meta] $name:literal $kind:ident($token:path) on $base:ident;)*) => {
        #[derive(Clone, Copy)]
        enum Kind {
            $(#[$cpu] $kind($token),)*
        }

        impl Kind {
            const NAMES: &[&str] = &[$($name),*];

            fn detected() -> impl Iterator<Item = Self> {
                [$(#[$cpu] <$token>::detect().map(Self::$kind)),*].into_iter().flatten()
            }

            const fn name(self) -> &'static str {
                match self {
                    $(#[$cpu] Self::$kind(_) => $name,)*
                }
            }

            fn base(self) -> Self {
                match self {
                    $(#[$cpu] Self::$kind(dot) => Self::$base(dot.base()),)*
                }
            }

            #[inline(always)]
            fn run<O: Operation>(self, operation: &mut O) -> O::Output {
                match self {
                    $(#[$cpu] Self::$kind(dot) => frame(dot.base(), operation),)*
                }
            }

            #[inline(always)]
            fn run_dot<O: DotOperation>(self, operation: &mut O) -> O::Output {
                match self {
                    $(#[$cpu] Self::$kind(dot) => dot_frame(dot, operation),)*
                }
            }
        }
    };
}

// Unit tests are of the tier `scalar`: the kernels of the others take minutes to compile, and the tests in
// `tests/` run all of them.
tiers! {
    #[cfg(all())] "scalar" Scalar(simd::scalar::Scalar) on Scalar;
    #[cfg(all(not(test), target_arch = "x86_64"))] "avx2" Avx2(simd::avx2::Avx2) on Avx2;
    #[cfg(all(not(test), target_arch = "x86_64"))] "avxvnni" AvxVnni(simd::avxvnni::AvxVnni) on Avx2;
    #[cfg(all(not(test), target_arch = "x86_64"))] "avx512" Avx512(simd::avx512::Avx512) on Avx512;
    #[cfg(all(not(test), target_arch = "x86_64"))] "avx512vnni" Avx512Vnni(simd::avx512vnni::Avx512Vnni) on Avx512;
    #[cfg(all(not(test), target_arch = "aarch64", target_endian = "little"))] "neon" Neon(simd::neon::Neon) on Neon;
    #[cfg(all(not(test), target_arch = "aarch64", target_endian = "little"))] "dotprod" Dotprod(simd::dotprod::Dotprod) on Neon;
    #[cfg(all(not(test), target_arch = "aarch64", target_endian = "little"))] "i8mm" I8mm(simd::i8mm::I8mm) on Neon;
}

/// An instruction set that this CPU has, to run operations on.
///
/// The free functions of the crate use [`Tier::best`]. Every tier gives the same results, bit for
/// bit. A value of this type exists only for what the CPU can execute, so each of its methods is
/// safe to call.
///
/// ```
/// # use zeropoint::{QuantParams, Tier};
/// let params = QuantParams::<u8>::new(0.5, 10)?;
/// for tier in Tier::available() {
///     let mut codes = [0; 2];
///     tier.quantize(&[1.0, -1.0], params, &mut codes)?;
///     assert_eq!(codes, [12, 8], "on {tier}");
/// }
/// # Ok::<(), zeropoint::Error>(())
/// ```
#[derive(Clone, Copy)]
pub struct Tier(Kind);

/// What a tier runs: an operation with its arguments.
///
/// It goes through the frame by reference. By value it would be copied in larger pieces than it
/// was written in, and each of those copies waits until the writes have left the store buffer.
pub(crate) trait Operation {
    type Output;

    /// Whether it calculates with floats, or compares them: then it needs the default floating-point
    /// environment.
    const FLOATS: bool = true;

    /// Its kernel; `#[inline(always)]`.
    fn simd<S: Simd>(&mut self, s: S) -> Self::Output;

    /// Runs it piece by piece, if it is worth it; else nothing.
    #[inline(always)]
    fn in_pieces(&mut self, _tier: Tier, _by: Pieces) -> Option<Self::Output> {
        None
    }
}

/// Why an operation is done piece by piece.
#[derive(Clone, Copy)]
pub(crate) enum Pieces {
    /// Each is for a thread.
    #[cfg_attr(not(feature = "rayon"), expect(dead_code, reason = "there is one thread"))]
    OnThreads,
    /// It goes to more memory than the caches hold, so it is stored past them.
    Streamed,
}

/// An operation for which the tiers that differ in their dot products only are different. It does not
/// look after the floating-point environment: what calculates with floats does so itself.
pub(crate) trait DotOperation {
    type Output;

    /// Whether it has another kernel for short arguments, so small that the frame is small too.
    const HAS_SHORT: bool = false;

    /// Its kernel; `#[inline(always)]`.
    fn simd<D: Dot>(&mut self, d: D) -> Self::Output;

    /// Whether the arguments are short for this instruction set.
    #[inline(always)]
    fn is_short<D: Dot>(&self) -> bool {
        false
    }

    /// The kernel for short ones; `#[inline(always)]`.
    #[inline(always)]
    fn short<D: Dot>(&mut self, d: D) -> Self::Output {
        self.simd(d)
    }
}

/// An operation as the public functions call it.
///
/// A public function that is generic is compiled in the caller's crate, by the caller's settings. Kernels must
/// not be, so an operation has an entry for each type it is of, which is not generic, and `of_type!` finds
/// it.
pub(crate) trait Entry {
    type Output;

    /// `is_default`: whether the floating-point environment is known to be the default one.
    fn enter(&mut self, tier: Tier, is_default: bool) -> Self::Output;

    /// Runs it on this tier.
    #[inline(always)]
    fn on(&mut self, tier: Tier) -> Self::Output {
        self.enter(tier, false)
    }
}

/// The entries of an [`Operation`], of these types.
///
/// In another environment than the default one, the entry is entered once more: a call of the kernels from
/// there would have them compiled once more.
macro_rules! entries {
    ($($operation:ty),*) => {
        $(
            impl $crate::tier::Entry for $operation {
                type Output = <Self as $crate::tier::Operation>::Output;

                fn enter(&mut self, tier: $crate::tier::Tier, is_default: bool) -> Self::Output {
                    use $crate::simd::environment;

                    // Before the environment is set: it would be that of other work of this thread.
                    #[cfg(feature = "rayon")]
                    if !is_default {
                        let by = $crate::tier::Pieces::OnThreads;
                        if let Some(output) = $crate::tier::Operation::in_pieces(self, tier, by) {
                            return output;
                        }
                    }
                    if const { <Self as $crate::tier::Operation>::FLOATS }
                        && !is_default
                        && !environment::is_default()
                    {
                        return environment::with_default(|| self.enter(tier, true));
                    }
                    let by = $crate::tier::Pieces::Streamed;
                    if let Some(output) = $crate::tier::Operation::in_pieces(self, tier, by) {
                        return output;
                    }
                    tier.run(self)
                }
            }
        )*
    };
}
pub(crate) use entries;

/// The entries of a [`DotOperation`], of these types.
macro_rules! dot_entries {
    ($($operation:ty),*) => {
        $(
            impl $crate::tier::Entry for $operation {
                type Output = <Self as $crate::tier::DotOperation>::Output;

                fn enter(&mut self, tier: $crate::tier::Tier, _: bool) -> Self::Output {
                    tier.run_dot(self)
                }
            }
        )*
    };
}
pub(crate) use dot_entries;

/// An operation that is made of others, whose entries it calls with `is_default`: so that their kernels are
/// not compiled once more for it. It calculates in the default floating-point environment.
pub(crate) trait Composition {
    type Output;

    fn run(&mut self, tier: Tier) -> Self::Output;
}

/// The entries of a [`Composition`], of these types.
macro_rules! composed_entries {
    ($($operation:ty),*) => {
        $(
            impl $crate::tier::Entry for $operation {
                type Output = <Self as $crate::tier::Composition>::Output;

                fn enter(&mut self, tier: $crate::tier::Tier, is_default: bool) -> Self::Output {
                    use $crate::simd::environment;

                    if !is_default && !environment::is_default() {
                        return environment::with_default(|| self.enter(tier, true));
                    }
                    self.run(tier)
                }
            }
        )*
    };
}
pub(crate) use composed_entries;

/// The fastest tier, once it is found.
#[cfg(feature = "std")]
static BEST: std::sync::OnceLock<Tier> = std::sync::OnceLock::new();

impl Tier {
    /// The names of all tiers of all architectures, slowest first.
    pub const NAMES: &[&str] = Kind::NAMES;

    /// The tier that needs nothing: the same kernels over plain arrays, of which the compiler makes what
    /// the target it is told has.
    pub const SCALAR: Self = Self(Kind::Scalar(Scalar));

    /// The tiers that this CPU has, slowest first.
    ///
    /// Without the feature `std` there is no detection: what the compiler was told to assume.
    pub fn available() -> impl Iterator<Item = Self> {
        Kind::detected().map(Self)
    }

    /// The fastest tier that this CPU has; found once, then remembered.
    ///
    /// The environment variable `ZEROPOINT_TIER` caps the choice: with `ZEROPOINT_TIER=avx2` it is
    /// the fastest of those up to `avx2`. That is for tests, benchmarks and bug reports. Upper and lower
    /// case are the same, and an empty value is none. A value that is not the name of a tier is
    /// ignored, with a warning on standard error.
    #[must_use]
    #[inline]
    pub fn best() -> Self {
        #[cfg(feature = "std")]
        return *BEST.get_or_init(|| Self::best_up_to(Self::cap()));
        #[cfg(not(feature = "std"))]
        Self::best_up_to(None)
    }

    /// [`Tier::best`], if it was found before: for functions so short that they must not keep their arguments over
    /// a call that finds it, since then they would on every call. They have a cold function for the other case.
    #[inline(always)]
    pub(crate) fn best_known() -> Option<Self> {
        #[cfg(feature = "std")]
        return BEST.get().copied();
        #[cfg(not(feature = "std"))]
        Some(Self::best_up_to(None))
    }

    /// The last tier of the list up to the one named by `cap`.
    fn best_up_to(cap: Option<&str>) -> Self {
        let rank = |name| Self::NAMES.iter().position(|&known| known == name);
        let cap = cap.and_then(rank).unwrap_or(usize::MAX);
        Self::available()
            .filter(|tier| rank(tier.name()).is_some_and(|rank| rank <= cap))
            .last()
            .unwrap_or(Self::SCALAR)
    }

    /// What the environment variable says.
    #[cfg(feature = "std")]
    fn cap() -> Option<&'static str> {
        use std::io::Write;

        let value = std::env::var_os("ZEROPOINT_TIER").filter(|value| !value.is_empty())?;
        let named = |name: &&str| value.eq_ignore_ascii_case(name);
        let cap = Self::NAMES.iter().copied().find(named);
        if cap.is_none() {
            let known = Error::UnknownTier { known: Self::NAMES };
            // Where nothing can be written, nobody is there to be warned.
            let _ = std::writeln!(
                std::io::stderr(),
                "zeropoint: ZEROPOINT_TIER={value:?} is ignored: {known}"
            );
        }
        cap
    }

    /// The tier's name, one of [`Tier::NAMES`].
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.0.name()
    }

    /// The tier that this one adds dot products to, or itself: all but sums of codes and products runs as
    /// there.
    ///
    /// ```
    /// # use zeropoint::Tier;
    /// for tier in Tier::available() {
    ///     let base = match tier.name() {
    ///         "avxvnni" => "avx2",
    ///         "avx512vnni" => "avx512",
    ///         "dotprod" | "i8mm" => "neon",
    ///         itself => itself,
    ///     };
    ///     assert_eq!(tier.base().name(), base);
    /// }
    /// ```
    #[must_use]
    pub fn base(self) -> Self {
        Self(self.0.base())
    }

    /// Runs an operation on this tier: on one that adds dot products to another, as on that one. For entries,
    /// and for the pieces of an operation. Not inlined, so that there is one copy of the
    /// kernels.
    #[inline(never)]
    pub(crate) fn run<O: Operation>(self, operation: &mut O) -> O::Output {
        self.0.run(operation)
    }

    /// Runs an operation with the dot products of this tier.
    #[inline(always)]
    pub(crate) fn run_dot<O: DotOperation>(self, operation: &mut O) -> O::Output {
        self.0.run_dot(operation)
    }
}

/// Runs the kernel of an operation, compiled for its instruction set.
#[inline(always)]
fn frame<S: Simd, O: Operation>(simd: S, operation: &mut O) -> O::Output {
    struct Frame<'a, S, O>(S, &'a mut O);

    impl<S: Simd, O: Operation> NullaryFnOnce for Frame<'_, S, O> {
        type Output = O::Output;

        #[inline(always)]
        fn call(self) -> O::Output {
            self.1.simd(self.0)
        }
    }

    simd.vectorize(Frame(simd, operation))
}

/// The same with dot products.
#[inline(always)]
fn dot_frame<D: Dot, O: DotOperation>(dot: D, operation: &mut O) -> O::Output {
    struct Frame<'a, D, O>(D, &'a mut O);

    impl<D: Dot, O: DotOperation> NullaryFnOnce for Frame<'_, D, O> {
        type Output = O::Output;

        #[inline(always)]
        fn call(self) -> O::Output {
            self.1.simd(self.0)
        }
    }

    struct ShortFrame<'a, D, O>(D, &'a mut O);

    impl<D: Dot, O: DotOperation> NullaryFnOnce for ShortFrame<'_, D, O> {
        type Output = O::Output;

        #[inline(always)]
        fn call(self) -> O::Output {
            self.1.short(self.0)
        }
    }

    if const { O::HAS_SHORT } && operation.is_short::<D>() {
        return dot.vectorize(ShortFrame(dot, operation));
    }
    dot.vectorize(Frame(dot, operation))
}

impl PartialEq for Tier {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name()
    }
}

impl Eq for Tier {}

impl fmt::Debug for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tier({self})")
    }
}

impl fmt::Display for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Parses one of [`Tier::NAMES`].
///
/// ```
/// # use zeropoint::{Error, Tier};
/// assert_eq!("scalar".parse(), Ok(Tier::SCALAR));
/// assert_eq!("sse9".parse::<Tier>(), Err(Error::UnknownTier { known: Tier::NAMES }));
/// ```
impl FromStr for Tier {
    type Err = Error;

    /// # Errors
    /// [`Error::UnknownTier`], or [`Error::UnavailableTier`] if this CPU does not have it.
    fn from_str(name: &str) -> Result<Self, Error> {
        let name = Self::NAMES.iter().find(|&&known| known == name);
        let name = *name.ok_or(Error::UnknownTier { known: Self::NAMES })?;
        Self::available().find(|tier| tier.name() == name).ok_or(Error::UnavailableTier { name })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;

    #[test]
    fn a_cap_bounds_the_choice() {
        assert_eq!(Tier::best_up_to(Some("scalar")), Tier::SCALAR);
        for tier in Tier::available() {
            assert_eq!(Tier::best_up_to(Some(tier.name())), tier);
        }
        let best = Tier::available().last().unwrap();
        assert_eq!(Tier::best_up_to(None), best);
        assert_eq!(Tier::best_up_to(Tier::NAMES.last().copied()), best);
    }

    #[test]
    fn names_parse_back() {
        for tier in Tier::available() {
            assert_eq!(tier.to_string().parse(), Ok(tier));
        }
        for &name in Tier::NAMES {
            match name.parse::<Tier>() {
                Ok(tier) => assert_eq!(tier.name(), name),
                Err(error) => assert_eq!(error, Error::UnavailableTier { name }),
            }
        }
    }
}
