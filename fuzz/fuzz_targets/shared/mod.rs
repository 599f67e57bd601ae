//! What the targets share: arguments of every kind, and the comparison of all tiers with the
//! reference.
#![allow(dead_code, reason = "not every target uses all of it")]

use arbitrary::{Arbitrary, Result, Unstructured};
use bytemuck::Pod;
use std::fmt::Debug;
use zeropoint::{Code, Error, MIN_SCALE, QuantParams, Range, Rows, RowsMut, Scheme, Tier};

/// The results of an operation, by the reference and on every tier, must be the same.
pub fn same<R: PartialEq + Debug>(by_reference: impl FnOnce() -> R, on: impl Fn(Tier) -> R) {
    let expected = by_reference();
    for tier in Tier::available() {
        assert_eq!(on(tier), expected, "{tier}");
    }
}

/// As `same`, of an operation that writes to a slice of `len`: the slice must hold the same bits, and
/// nothing around it may be written to.
pub fn same_output<T: Pod + Debug, R: PartialEq + Debug>(
    len: usize,
    place: Place,
    by_reference: impl FnOnce(&mut [T]) -> R,
    on: impl Fn(Tier, &mut [T]) -> R,
) {
    let mut expected = vec![filled(); len];
    let result = by_reference(&mut expected);
    for tier in Tier::available() {
        let mut out = Placed::new(&vec![filled(); len], place);
        assert_eq!(on(tier, out.slice_mut()), result, "{tier}");
        out.check(tier, &expected);
    }
}

/// As `same_output`, of an operation that writes rows which are apart: what lies between them, and after
/// the last one, must stay as it was. The reference, which has whole slices, is told whether the rows are
/// `shape`: how many, and of how many elements.
pub fn same_rows<T: Pod + Debug, R: PartialEq + Debug>(
    (argument, shape): (&'static str, [usize; 2]),
    (apart, said, place): (Apart, usize, Place),
    by_reference: impl FnOnce(std::result::Result<(), Error>, &mut [T]) -> R,
    on: impl Fn(Tier, RowsMut<'_, T>) -> R,
) {
    let [rows, row] = shape;
    let matrix = |elements: &[T]| apart.matrix(elements, row, said, place);
    let mut whole = vec![filled(); rows * row];
    let untouched = matrix(&whole);
    let result = by_reference(untouched.check(argument, shape), &mut whole);
    let expected = matrix(&whole);
    for tier in Tier::available() {
        let mut out = matrix(&vec![filled(); rows * row]);
        assert_eq!(on(tier, out.rows_mut()), result, "{tier}");
        out.elements.check(tier, expected.elements.slice());
    }
}

/// What slices and guards hold before.
fn filled<T: Pod>() -> T {
    let mut element = T::zeroed();
    bytemuck::bytes_of_mut(&mut element).fill(0xa5);
    element
}

fn bits<T: Pod>(element: &T) -> &[u8] {
    bytemuck::bytes_of(element)
}

/// The ends of a range, bit for bit.
pub fn ends(range: Option<Range>) -> Option<[u32; 2]> {
    range.map(|range| [range.min.to_bits(), range.max.to_bits()])
}

/// Where a slice lies in its allocation: at an odd address or not, and flush with the end, where
/// the sanitizer watches, or not.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub struct Place {
    before: u8,
    is_flush: bool,
}

/// A slice at its place, with guards around it.
pub struct Placed<T> {
    buffer: Vec<T>,
    start: usize,
    len: usize,
}

impl<T: Pod + Debug> Placed<T> {
    pub fn new(elements: &[T], place: Place) -> Self {
        let start = usize::from(place.before % 64);
        let after = if place.is_flush { 0 } else { 64 };
        let mut buffer = vec![filled(); start + elements.len() + after];
        buffer[start..][..elements.len()].copy_from_slice(elements);
        let len = elements.len();
        Self { buffer, start, len }
    }

    pub fn slice(&self) -> &[T] {
        &self.buffer[self.start..][..self.len]
    }

    pub fn slice_mut(&mut self) -> &mut [T] {
        &mut self.buffer[self.start..][..self.len]
    }

    /// The slice must hold these bits, and the guards what they held before.
    fn check(&self, tier: Tier, expected: &[T]) {
        self.check_guards();
        let (slice, len) = (self.slice(), expected.len());
        let differs = (0..len).find(|&i| bits(&slice[i]) != bits(&expected[i]));
        if let Some(i) = differs {
            let (found, expected) = (slice[i], expected[i]);
            panic!("{tier}: element {i} of {len} is {found:?}, not {expected:?}");
        }
    }

    fn check_guards(&self) {
        let (before, after) = (&self.buffer[..self.start], &self.buffer[self.start + self.len..]);
        let mut guards = before.iter().chain(after);
        let untouched = guards.all(|guard| bits(guard) == bits(&filled::<T>()));
        assert!(untouched, "something was written outside the slice");
    }
}

/// How many elements: few; a multiple of a block, or nearly; some hundreds.
#[derive(Clone, Copy, Debug)]
pub struct Length(pub usize);

impl<'a> Arbitrary<'a> for Length {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let n = usize::from(u.arbitrary::<u16>()?);
        Ok(Self(match n % 3 {
            0 => n / 3 % 80,
            1 => (n / 3 % 20 * 64 + n / 60 % 5).saturating_sub(2),
            _ => n / 3 % 1300,
        }))
    }
}

/// A length that should be `n`; now and then it is another.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub struct Slip(u8);

impl Slip {
    pub fn of(self, n: usize) -> usize {
        match self.0 {
            0 => 0,
            1 => n + 1,
            2 => n.saturating_sub(1),
            3 => 2 * n,
            _ => n,
        }
    }
}

/// How the rows of a matrix are apart, mostly as they should be.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub struct Apart {
    gap: u8,
    after: u8,
    /// Of the distance from one row to the next, and of all elements.
    slips: [Slip; 2],
    wild: u8,
}

impl Apart {
    /// These rows of `row` elements, apart, and said to be `said` rows.
    pub fn matrix<T: Pod + Debug>(
        self,
        elements: &[T],
        row: usize,
        said: usize,
        place: Place,
    ) -> Strided<T> {
        let stride = match self.wild {
            // Distances that products overflow with.
            0 => usize::MAX,
            1 => usize::MAX / 2,
            _ => self.slips[0].of(row + usize::from(self.gap % 70)),
        };
        let rows = elements.len().checked_div(row).unwrap_or(0);
        let end = match rows {
            0 => Some(0),
            _ => (rows - 1).checked_mul(stride).and_then(|last| last.checked_add(row)),
        };
        let mut spread = match end {
            Some(end) if end < 1 << 20 && (rows < 2 || stride >= row) => {
                let mut spread = vec![filled(); end];
                for r in 0..rows {
                    spread[r * stride..][..row].copy_from_slice(&elements[r * row..][..row]);
                }
                spread
            }
            // Rows that overlap, or lie beyond all memory, are an error, whatever they hold.
            _ => elements.to_vec(),
        };
        let len = self.slips[1].of(spread.len() + usize::from(self.after % 70));
        spread.resize(len, filled());
        Strided { elements: Placed::new(&spread, place), rows: said, stride }
    }
}

/// A matrix whose rows are apart, with what is said of it.
pub struct Strided<T> {
    elements: Placed<T>,
    rows: usize,
    stride: usize,
}

impl<T: Pod + Debug> Strided<T> {
    pub fn rows(&self) -> Rows<'_, T> {
        Rows::strided(self.elements.slice(), self.rows, self.stride)
    }

    pub fn rows_mut(&mut self) -> RowsMut<'_, T> {
        RowsMut::strided(self.elements.slice_mut(), self.rows, self.stride)
    }

    /// The error that it must be, unless it is `rows` rows of `row` elements.
    pub fn check(
        &self,
        argument: &'static str,
        [rows, row]: [usize; 2],
    ) -> std::result::Result<(), Error> {
        let Self { stride, .. } = *self;
        let elements = self.elements.slice().len();
        let end = (rows as u128).saturating_sub(1) * stride as u128 + row as u128;
        let lies_within = rows == 0 || row == 0 || end <= elements as u128;
        // One row overlaps no other.
        if self.rows == rows && (rows < 2 || stride >= row) && lies_within {
            Ok(())
        } else {
            Err(Error::Rows { argument, elements, rows, row, stride })
        }
    }
}

/// A short pattern, repeated to make any number of elements, but for the element at one place.
#[derive(Arbitrary, Clone, Debug)]
pub struct Pattern<T> {
    spot: (u16, T),
    first: T,
    more: Vec<T>,
}

impl<T: Copy> Pattern<T> {
    pub fn elements<U>(&self, len: usize, of: impl Fn(T) -> U) -> Vec<U> {
        let (at, spot) = self.spot;
        let pattern = std::iter::once(&self.first).chain(&self.more).cycle();
        let mut elements: Vec<_> = pattern.take(len).copied().map(&of).collect();
        if let Some(at) = usize::from(at).checked_rem(len) {
            elements[at] = of(spot);
        }
        elements
    }
}

/// A number to quantize.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub enum Float {
    /// Any at all: subnormal, infinite, NaN of every kind.
    Bits(u32),
    /// Some steps of the scale.
    Steps(i8, u8),
    /// At a point where the code changes, or a few floats beside it.
    Tie(i16, i8),
}

impl Float {
    pub fn value(self, scale: f32) -> f32 {
        match self {
            Self::Bits(bits) => f32::from_bits(bits),
            Self::Steps(whole, part) => (f32::from(whole) * 2.0 + f32::from(part) / 255.0) * scale,
            Self::Tie(step, ulps) => {
                let tie = (f32::from(step % 600) + 0.5) * scale;
                f32::from_bits(tie.to_bits().wrapping_add_signed((ulps % 4).into()))
            }
        }
    }
}

/// Numbers to quantize.
#[derive(Arbitrary, Clone, Debug)]
pub struct Floats {
    len: Length,
    pattern: Pattern<Float>,
}

impl Floats {
    pub fn values(&self, scale: f32) -> Vec<f32> {
        self.pattern.elements(self.len.0, |x| x.value(scale))
    }
}

/// A code of type `Q` from the bits of a byte.
pub fn code<Q: Code>(bits: u8) -> Q {
    bytemuck::cast(bits)
}

/// A scale: any that is allowed, an ordinary one, or a power of two and the floats beside it.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub enum Scale {
    Bits(u32),
    Ordinary(u16),
    Power(i8, i8),
}

impl Scale {
    fn value(self) -> f32 {
        let scale = match self {
            Self::Bits(bits) => f32::from_bits(bits & 0x7fff_ffff),
            Self::Ordinary(n) => f32::from(n) * 1e-3,
            Self::Power(exponent, ulps) => {
                let power = 2_f32.powi(exponent.into());
                f32::from_bits(power.to_bits().saturating_add_signed((ulps % 3).into()))
            }
        };
        // Beyond this, the farthest code would overflow. NaN becomes 1.
        let scale = if scale.is_nan() { 1.0 } else { scale };
        scale.clamp(MIN_SCALE, f32::MAX / 256.0)
    }
}

/// How a scale and a zero point are chosen.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub struct Params {
    scale: Scale,
    codes: [u8; 3],
    kind: Kind,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Kind {
    Symmetric,
    AllCodes,
    SomeCodes,
    /// By a scheme, of a range so wide that the scale is the largest there is.
    Widest,
}

impl Params {
    pub fn get<Q: Code>(self) -> QuantParams<Q> {
        let mut codes = self.codes.map(code::<Q>);
        codes.sort();
        let [lo, zero_point, hi] = codes;
        let new = |zero_point| QuantParams::new(self.scale.value(), zero_point).unwrap();
        match self.kind {
            Kind::Symmetric => new(code(0)),
            Kind::AllCodes => new(zero_point),
            Kind::SomeCodes => new(zero_point).with_codes(lo..=hi).unwrap(),
            Kind::Widest => {
                let scheme = Scheme::affine().with_codes(lo..=hi);
                let range = Range::new(f32::MIN, f32::MAX);
                scheme.unwrap_or(Scheme::affine()).params(range).unwrap()
            }
        }
    }
}

/// Two vectors of codes, of any types, and their zero points.
#[derive(Arbitrary, Debug)]
pub struct Pair {
    len: Length,
    /// As many again as the sums of 32 bits are flushed after.
    is_long: bool,
    slip: Slip,
    pub zero_points: [u8; 2],
    places: [Place; 2],
    a: Pattern<u8>,
    b: Pattern<u8>,
}

impl Pair {
    pub fn vectors<A: Code, B: Code>(&self) -> (Placed<A>, Placed<B>) {
        let flush = if self.is_long { (1 << 14) - 600 } else { 0 };
        let len = self.len.0 + flush;
        let a = self.a.elements(len, code);
        let b = self.b.elements(self.slip.of(len), code);
        let [at_a, at_b] = self.places;
        (Placed::new(&a, at_a), Placed::new(&b, at_b))
    }
}

/// A vector of codes and a matrix, of any types, and their zero points.
#[derive(Arbitrary, Debug)]
pub struct Matrix {
    len: Length,
    rows: u8,
    slips: [Slip; 3],
    pub query_zero_point: u8,
    zero_points: Pattern<u8>,
    places: [Place; 2],
    pub out: Place,
    apart: Option<Apart>,
    query: Pattern<u8>,
    codes: Pattern<u8>,
}

impl Matrix {
    pub fn rows(&self) -> usize {
        usize::from(self.rows % 14)
    }

    pub fn vectors<A: Code, B: Code>(&self) -> (Placed<A>, Placed<B>) {
        let query = self.query.elements(self.slips[0].of(self.len.0), code);
        let rows = self.slips[1].of(self.rows() * self.len.0);
        let rows = self.codes.elements(rows, code);
        let [at_query, at_rows] = self.places;
        (Placed::new(&query, at_query), Placed::new(&rows, at_rows))
    }

    /// Rows as long as the query, one after the other; and the same ones apart, if they are to be.
    pub fn apart<B: Code>(&self, row: usize) -> Option<(Vec<B>, Strided<B>)> {
        let apart = self.apart?;
        let whole = self.codes.elements(self.rows() * row, code);
        let rows = apart.matrix(&whole, row, self.slips[1].of(self.rows()), self.places[1]);
        Some((whole, rows))
    }

    pub fn zero_points<B: Code>(&self) -> Vec<B> {
        let rows = self.slips[2].of(self.rows());
        self.zero_points.elements(rows, code)
    }
}

/// Calls a generic function for the type that `signed` says.
#[macro_export]
macro_rules! by_type {
    ($signed:expr, $check:ident $arguments:tt) => {
        if $signed {
            $check::<i8> $arguments
        } else {
            $check::<u8> $arguments
        }
    };
}

/// Calls a generic function for the pair of types that `signed` says.
#[macro_export]
macro_rules! by_types {
    ($signed:expr, $check:ident $arguments:tt) => {
        match $signed {
            [false, false] => $check::<u8, u8> $arguments,
            [false, true] => $check::<u8, i8> $arguments,
            [true, false] => $check::<i8, u8> $arguments,
            [true, true] => $check::<i8, i8> $arguments,
        }
    };
}
