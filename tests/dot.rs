//! Every operation on pairs of vectors on every tier equals the reference.

#[path = "common/mod.rs"]
mod common;

use common::{
    Apart, Guarded, NOT_THREE_ROWS_OF_FIVE, code, not_three_rows_of_five, strides, tiers,
};
use proptest::prelude::*;
use zeropoint::{Code, Code8, Error, Rows, Tier, ZeroPoints, reference};

/// Elements after which the kernels add their 32-bit sums to 64-bit ones.
const BLOCK: usize = 1 << 14;

/// Every length of up to more than four groups of the longest vectors.
fn lengths() -> impl Iterator<Item = usize> {
    (0..=270).chain([
        319, 320, 321, 383, 384, 385, 447, 511, 512, 513, 575, 639, 767, 768, 1023, 1024, 1025,
    ])
}

/// Codes of all values, ends included, and different ones for each seed.
fn codes<Q: Code>(n: usize, seed: usize) -> Vec<Q> {
    (0..n)
        .map(|i| match i % 11 {
            3 => Q::MIN,
            7 => Q::MAX,
            _ => code(((i + seed) % 256 * 7919 + (i % 509).pow(2) % 509 * (seed + 1)) as u8),
        })
        .collect()
}

/// Zero points that take each way through the kernels: none, the one that a flip makes none, the
/// ends, some others.
fn zero_points<Q: Code>() -> [Q; 6] {
    [0, 0x80, 0xff, 0x7f, 37, 200].map(code)
}

/// All operations of two vectors.
fn check_pair<A: Code8, B: Code8>(
    tier: Tier,
    (a, za): (&[A], A),
    (b, zb): (&[B], B),
    offsets: [usize; 2],
) {
    let (a, b) = (Guarded::of(a, offsets[0], A::MAX), Guarded::of(b, offsets[1], B::MIN));
    let (a, b) = (a.slice(), b.slice());
    let n = a.len();
    let types = std::any::type_name::<(A, B)>();
    let context = || format!("{tier}, {n} of {types}, zero points {za}, {zb}, offsets {offsets:?}");

    let expected = reference::dot(a, za, b, zb);
    assert_eq!(tier.dot(a, za, b, zb), expected, "dot: {}", context());
    let (sum_a, sum_b) = (reference::sum(a), reference::sum(b));
    assert_eq!(tier.sum(a), sum_a, "sum: {}", context());
    assert_eq!(tier.sum(b), sum_b, "sum: {}", context());
    let found = tier.dot_with_sums(a, za, sum_a, b, zb, sum_b);
    assert_eq!(found, expected, "dot_with_sums: {}", context());

    let expected = reference::l2_squared(a, za, b, zb);
    let found = tier.l2_squared(a, za, b, zb);
    assert_eq!(found, expected, "l2_squared: {}", context());

    let expected = reference::cosine(a, za, b, zb).map(f64::to_bits);
    let found = tier.cosine(a, za, b, zb).map(f64::to_bits);
    assert_eq!(found, expected, "cosine: {}", context());
}

/// All operations of a vector and rows.
fn check_rows<A: Code8, B: Code8>(
    tier: Tier,
    (query, zq): (&[A], A),
    (rows, zr): (&[B], ZeroPoints<'_, B>),
    count: usize,
    offsets: [usize; 2],
) {
    let (query, rows) =
        (Guarded::of(query, offsets[0], A::MAX), Guarded::of(rows, offsets[1], B::MIN));
    let (query, rows) = (query.slice(), rows.slice());
    let n = query.len();
    let types = std::any::type_name::<(A, B)>();
    let context = || format!("{tier}, {count} rows of {n}, {types}, zero points {zq}, {zr:?}");
    let mut expected = vec![0; count];

    reference::dot_rows(query, zq, rows, zr, &mut expected).unwrap();
    let mut out = Guarded::new(count, 1, -1);
    tier.dot_rows(query, zq, rows, zr, out.slice_mut()).unwrap();
    assert_eq!(out.checked(), expected, "dot_rows: {}", context());

    reference::l2_rows(query, zq, rows, zr, &mut expected).unwrap();
    let mut out = Guarded::new(count, 1, -1);
    tier.l2_rows(query, zq, rows, zr, out.slice_mut()).unwrap();
    assert_eq!(out.checked(), expected, "l2_rows: {}", context());
}

/// Calls a generic function for each pair of types.
macro_rules! each_pair {
    ($check:ident $arguments:tt) => {
        $check::<u8, u8> $arguments;
        $check::<u8, i8> $arguments;
        $check::<i8, u8> $arguments;
        $check::<i8, i8> $arguments;
    };
}

#[test]
fn every_length() {
    fn check<A: Code8, B: Code8>(tier: Tier) {
        for n in lengths() {
            let (a, b) = (codes::<A>(n, 0), codes::<B>(n, 1));
            for za in zero_points() {
                for zb in zero_points() {
                    check_pair(tier, (&a, za), (&b, zb), [0, 0]);
                }
            }
        }
    }
    for tier in tiers() {
        each_pair!(check(tier));
    }
}

#[test]
fn every_alignment() {
    fn check<A: Code8, B: Code8>(tier: Tier) {
        for n in [1, 15, 31, 63, 64, 65, 100, 200, 300] {
            let (a, b) = (codes::<A>(n, 2), codes::<B>(n, 3));
            for offset in 0..64 {
                check_pair(tier, (&a, code(3)), (&b, code(0)), [offset, (offset * 5) % 64]);
            }
        }
    }
    for tier in tiers() {
        each_pair!(check(tier));
    }
}

#[test]
fn all_zero_points() {
    fn check<A: Code8, B: Code8>(tier: Tier) {
        let (a, b) = (codes::<A>(77, 4), codes::<B>(77, 5));
        for za in 0..=255 {
            for zb in 0..=255 {
                check_pair(tier, (&a, code(za)), (&b, code(zb)), [0, 0]);
            }
        }
        // Longer vectors go another way.
        let (a, b) = (codes::<A>(150, 4), codes::<B>(150, 5));
        for one in 0..=255 {
            for other in [0, 1, 0x80, 0x81, 0xff] {
                check_pair(tier, (&a, code(one)), (&b, code(other)), [0, 0]);
                check_pair(tier, (&a, code(other)), (&b, code(one)), [0, 0]);
                let zr = ZeroPoints::Same(code(other));
                check_rows(tier, (&a, code(one)), (&b, zr), 1, [0, 0]);
            }
        }
    }
    for tier in tiers() {
        each_pair!(check(tier));
    }
}

/// The largest products, sums and differences, in vectors that are long enough for 32 bits to
/// overflow, and around the length at which the sums are flushed.
#[test]
fn extreme_codes() {
    fn check<A: Code8, B: Code8>(tier: Tier) {
        for n in [
            64,
            BLOCK - 1,
            BLOCK,
            BLOCK + 1,
            2 * BLOCK - 65,
            2 * BLOCK + 63,
            3 * BLOCK + 1,
            70_000,
            140_000,
        ] {
            for a_code in [A::MIN, A::MAX] {
                for b_code in [B::MIN, B::MAX] {
                    let (a, b) = (vec![a_code; n], vec![b_code; n]);
                    for za in [code(0), A::MIN, A::MAX] {
                        for zb in [code(0), B::MIN, B::MAX] {
                            check_pair(tier, (&a, za), (&b, zb), [0, 0]);
                            check_rows(tier, (&a, za), (&b, ZeroPoints::Same(zb)), 1, [0, 0]);
                        }
                    }
                }
            }
        }
    }
    for tier in tiers() {
        each_pair!(check(tier));
    }
}

/// The same of rows that are done several at a time, and of so many that they come from memory.
#[test]
fn extreme_codes_of_many_rows() {
    fn check<A: Code8, B: Code8>(tier: Tier) {
        let n = 3 * BLOCK + 63;
        for count in [5, 33] {
            for a_code in [A::MIN, A::MAX] {
                for b_code in [B::MIN, B::MAX] {
                    let (query, rows) = (vec![a_code; n], vec![b_code; n * count]);
                    for zq in [A::MIN, A::MAX] {
                        for zr in [B::MIN, B::MAX] {
                            let zr = ZeroPoints::Same(zr);
                            check_rows(tier, (&query, zq), (&rows, zr), count, [0, 0]);
                        }
                    }
                }
            }
        }
    }
    for tier in tiers() {
        each_pair!(check(tier));
    }
}

/// Long vectors of codes of all values, around the flush.
#[test]
fn around_the_flush() {
    fn check<A: Code8, B: Code8>(tier: Tier) {
        for n in (0..130).map(|i| BLOCK - 65 + i).chain([
            2 * BLOCK - 1,
            2 * BLOCK,
            2 * BLOCK + 1,
            3 * BLOCK + 64,
        ]) {
            let (a, b) = (codes::<A>(n, 6), codes::<B>(n, 7));
            let (za, zb) = (zero_points()[n % 6], zero_points()[n / 6 % 6]);
            check_pair(tier, (&a, za), (&b, zb), [n % 7, n % 5]);
        }
    }
    for tier in tiers() {
        each_pair!(check(tier));
    }
}

/// 10⁸ extreme codes.
#[test]
fn a_hundred_million() {
    let n = 100_000_000;
    let count = n as i64;
    let (top, bottom) = (vec![255_u8; n], vec![-128_i8; n]);
    for tier in tiers() {
        assert_eq!(tier.dot(&top, 0, &top, 0), Ok(count * 255 * 255), "{tier}");
        assert_eq!(tier.dot(&top, 0, &bottom, 0), Ok(count * 255 * -128), "{tier}");
        assert_eq!(tier.dot(&bottom, 0, &bottom, 0), Ok(count * 128 * 128), "{tier}");
        assert_eq!(tier.dot(&bottom, 127, &top, 1), Ok(count * -255 * 254), "{tier}");
        assert_eq!(tier.l2_squared(&top, 0, &bottom, 0), Ok(count * 383 * 383), "{tier}");
        assert_eq!(tier.sum(&bottom), count * -128, "{tier}");
        // The length times a zero point does not fit 32 bits either.
        let products = count * (255 - 200) * (255 - 100);
        assert_eq!(tier.dot(&top, 200, &top, 100), Ok(products), "{tier}");
        let mut out = [0];
        tier.dot_rows(&top, 200, &top, 100, &mut out).unwrap();
        assert_eq!(out, [products], "{tier}");
        let squares = count * (100 - 200) * (100 - 200);
        assert_eq!(tier.l2_squared(&top, 200, &top, 100), Ok(squares), "{tier}");
        tier.l2_rows(&top, 200, &top, 100, &mut out).unwrap();
        assert_eq!(out, [squares], "{tier}");
    }
}

#[test]
fn rows_of_every_length() {
    fn check<A: Code8, B: Code8>(tier: Tier) {
        for n in lengths() {
            let query = codes::<A>(n, 8);
            let count = n % 11;
            let rows = codes::<B>(n * count, 9);
            let offsets = [n % 3, n % 5];
            for zq in zero_points() {
                let zr = ZeroPoints::Same(zero_points()[n % 6]);
                check_rows(tier, (&query, zq), (&rows, zr), count, offsets);
                let each: Vec<B> = (0..count).map(|r| zero_points()[(r + n) % 6]).collect();
                let zr = ZeroPoints::Each(&each);
                check_rows(tier, (&query, zq), (&rows, zr), count, offsets);
            }
        }
    }
    for tier in tiers() {
        each_pair!(check(tier));
    }
}

/// So many that they are asked for ahead of time, and rows that are longer than a block.
#[test]
fn many_rows_and_long_ones() {
    fn check<A: Code8, B: Code8>(tier: Tier) {
        for (count, n) in [(1500, 768), (2807, 385), (67, BLOCK), (5, 5 * BLOCK + 70)] {
            let (query, rows) = (codes::<A>(n, 10), codes::<B>(n * count, 11));
            for (zq, zr) in [(0, 0), (3, 5)] {
                let (zq, zr) = (code(zq), ZeroPoints::Same(code(zr)));
                check_rows(tier, (&query, zq), (&rows, zr), count, [0, 1]);
            }
        }
    }
    for tier in tiers() {
        each_pair!(check(tier));
    }
}

/// Rows that are apart give what they do without a gap.
fn check_rows_apart<A: Code8, B: Code8>(
    tier: Tier,
    (query, zq): (&[A], A),
    (rows, zr): (&[B], ZeroPoints<'_, B>),
    count: usize,
) {
    let n = query.len();
    let [mut dots, mut distances] = [(); 2].map(|()| vec![0; count]);
    tier.dot_rows(query, zq, rows, zr, &mut dots).unwrap();
    tier.l2_rows(query, zq, rows, zr, &mut distances).unwrap();
    let [mut by_reference, mut of_reference] = [(); 2].map(|()| vec![0; count]);
    reference::dot_rows(query, zq, rows, zr, &mut by_reference).unwrap();
    reference::l2_rows(query, zq, rows, zr, &mut of_reference).unwrap();
    assert_eq!((&dots, &distances), (&by_reference, &of_reference));
    let types = std::any::type_name::<(A, B)>();
    for stride in strides(n) {
        for between in [B::MIN, B::MAX] {
            let rows = Apart::of(rows, [count, n], stride, between);
            let context = || format!("{tier}, {count} rows of {n}, {stride} apart, {types}");
            let mut out = Guarded::new(count, 1, -1);
            tier.dot_rows(query, zq, rows.rows(), zr, out.slice_mut()).unwrap();
            assert_eq!(out.checked(), dots, "dot_rows: {}, {zq}, {zr:?}", context());
            let mut out = Guarded::new(count, 1, -1);
            tier.l2_rows(query, zq, rows.rows(), zr, out.slice_mut()).unwrap();
            assert_eq!(out.checked(), distances, "l2_rows: {}, {zq}, {zr:?}", context());
        }
    }
}

/// Several at a time and the last few alone, with every rest of a vector; of so many that they come from
/// memory; and longer than a block.
#[test]
fn rows_apart() {
    fn check<A: Code8, B: Code8>(tier: Tier) {
        let short = (0..=130).map(|n| (n % 11, n));
        let long = [(5, 300), (9, 1024), (1400, 768), (5, BLOCK + 70), (70, BLOCK + 1)];
        for (count, n) in short.chain(long) {
            let (query, rows) = (codes::<A>(n, 12), codes::<B>(n * count, 13));
            let each: Vec<B> = (0..count).map(|r| zero_points()[(r + n) % 6]).collect();
            let same = zero_points::<B>()[n % 6];
            for zq in [code(0), zero_points()[n / 6 % 6]] {
                check_rows_apart(tier, (&query, zq), (&rows, ZeroPoints::Same(same)), count);
                check_rows_apart(tier, (&query, zq), (&rows, ZeroPoints::Each(&each)), count);
            }
        }
    }
    for tier in tiers() {
        each_pair!(check(tier));
    }
}

#[test]
fn rows_apart_that_do_not_fit() {
    for tier in Tier::available() {
        let (query, mut out) = ([1_u8; 5], [7; 3]);
        for wrong in NOT_THREE_ROWS_OF_FIVE {
            let [elements, rows, stride] = wrong;
            let codes = vec![1_i8; elements];
            let apart = Rows::strided(&codes, rows, stride);
            let error = not_three_rows_of_five("rows", wrong);
            assert_eq!(tier.dot_rows(&query, 0, apart, 0, &mut out), Err(error));
            assert_eq!(tier.l2_rows(&query, 0, apart, 0, &mut out), Err(error));
            // Before the zero points are looked at.
            assert_eq!(tier.dot_rows(&query, 0, apart, &[0; 2], &mut out), Err(error));
            assert_eq!(tier.l2_rows(&query, 0, apart, &[0; 2], &mut out), Err(error));
            assert_eq!(out, [7; 3]);
        }
        let codes = [1_i8; 100];
        let error = Error::Length { argument: "zr", len: 2, of: "rows", there: 3 };
        let apart = Rows::strided(&codes, 3, 6);
        assert_eq!(tier.dot_rows(&query, 0, apart, &[0; 2], &mut out), Err(error));
        assert_eq!(tier.l2_rows(&query, 0, apart, &[0; 2], &mut out), Err(error));
        assert_eq!(out, [7; 3]);
        // Just enough, and more than that.
        for elements in [17, 18, 100] {
            let apart = Rows::strided(&codes[..elements], 3, 6);
            assert_eq!(tier.dot_rows(&query, 0, apart, 0, &mut out), Ok(()));
            assert_eq!(out, [5; 3]);
            assert_eq!(tier.l2_rows(&query, 0, apart, 3, &mut out), Ok(()));
            assert_eq!(out, [45; 3]);
            out = [7; 3];
        }
        // Rows of nothing are as many as they are said to be.
        let none = Rows::strided(&codes[..0], 3, 0);
        assert_eq!(tier.dot_rows(&query[..0], 0, none, 0, &mut out), Ok(()));
        assert_eq!(out, [0; 3]);
        let (argument, elements, rows, row, stride) = ("rows", 0, 2, 0, 0);
        let error = Error::Rows { argument, elements, rows, row, stride };
        assert_eq!(tier.dot_rows(&query[..0], 0, none, 0, &mut out[..2]), Err(error));
        assert_eq!(tier.l2_rows(&query[..0], 0, none, 0, &mut out[..2]), Err(error));
    }
}

/// The lengths that matter: short vectors, and some groups.
fn any_pair<A: Code8, B: Code8>() -> impl Strategy<Value = (Vec<A>, A, Vec<B>, B, [usize; 2])> {
    fn vector<Q: Code>(n: usize) -> impl Strategy<Value = Vec<Q>> {
        proptest::collection::vec(any::<u8>().prop_map(code), n)
    }
    let n = prop_oneof![0_usize..70, 0_usize..1100, BLOCK - 70..BLOCK + 70];
    n.prop_flat_map(|n| {
        (
            vector(n),
            any::<u8>().prop_map(code),
            vector(n),
            any::<u8>().prop_map(code),
            [0_usize..64, 0_usize..64],
        )
    })
}

proptest! {
    #[test]
    fn any_u8_u8((a, za, b, zb, offsets) in any_pair::<u8, u8>()) {
        for tier in tiers() {
            check_pair(tier, (&a, za), (&b, zb), offsets);
        }
    }

    #[test]
    fn any_u8_i8((a, za, b, zb, offsets) in any_pair::<u8, i8>()) {
        for tier in tiers() {
            check_pair(tier, (&a, za), (&b, zb), offsets);
            check_pair(tier, (&b, zb), (&a, za), offsets);
        }
    }

    #[test]
    fn any_i8_i8((a, za, b, zb, offsets) in any_pair::<i8, i8>()) {
        for tier in tiers() {
            check_pair(tier, (&a, za), (&b, zb), offsets);
        }
    }

    #[test]
    fn any_rows(
        n in 0_usize..300,
        rows in proptest::collection::vec(any::<u8>(), 0..3000),
        zero_points in proptest::collection::vec(any::<u8>(), 3000),
        query in proptest::collection::vec(any::<u8>(), 300),
        zq in any::<u8>(),
    ) {
        let count = rows.len().checked_div(n).unwrap_or(rows.len());
        let (rows, query) = (&rows[..count * n], &query[..n]);
        let zero_points = &zero_points[..count];
        let signed = |codes: &[u8]| codes.iter().map(|&q| code(q)).collect::<Vec<i8>>();
        let (signed_rows, signed_query) = (signed(rows), signed(query));
        let signed_points = signed(zero_points);
        for tier in tiers() {
            let zr = ZeroPoints::Each(zero_points);
            let signed_zr = ZeroPoints::Each(&signed_points);
            check_rows(tier, (query, zq), (rows, zr), count, [0, 0]);
            check_rows(tier, (&signed_query, code(zq)), (rows, zr), count, [0, 0]);
            check_rows(tier, (query, zq), (&signed_rows, signed_zr), count, [0, 0]);
            check_rows(tier, (&signed_query, code(zq)), (&signed_rows, signed_zr), count, [0, 0]);
        }
    }

    /// A sum that is wrong gives the same number everywhere.
    #[test]
    fn any_sums(
        (a, za, b, zb, _) in any_pair::<i8, i8>(),
        sum_a in any::<i64>(),
        sum_b in any::<i64>(),
    ) {
        let expected = reference::dot_with_sums(&a, za, sum_a, &b, zb, sum_b);
        for tier in Tier::available() {
            prop_assert_eq!(tier.dot_with_sums(&a, za, sum_a, &b, zb, sum_b), expected);
        }
    }
}

#[test]
fn wrong_shapes_are_errors_that_name_the_numbers() {
    let text = |error: Result<i64, Error>| error.unwrap_err().to_string();
    let expected = "`b` has 4 elements for the 3 elements of `a`";
    let (a, b) = ([0_u8; 3], [0_i8; 4]);
    for tier in Tier::available() {
        assert_eq!(text(tier.dot(&a, 0, &b, 0)), expected);
        assert_eq!(text(tier.dot_with_sums(&a, 0, 0, &b, 0, 0)), expected);
        assert_eq!(text(tier.l2_squared(&a, 0, &b, 0)), expected);
        let error = tier.cosine(&a, 0, &b, 0).unwrap_err();
        assert_eq!(error.to_string(), expected);

        let mut out = [7; 2];
        let mut check = |zr: ZeroPoints<'_, i8>, rows: &[i8], expected: &str| {
            for error in [
                tier.dot_rows(&a, 0, rows, zr, &mut out),
                tier.l2_rows(&a, 0, rows, zr, &mut out),
                reference::dot_rows(&a, 0, rows, zr, &mut out),
                reference::l2_rows(&a, 0, rows, zr, &mut out),
            ] {
                assert_eq!(error.unwrap_err().to_string(), expected, "{tier}");
            }
            assert_eq!(out, [7; 2]);
        };
        check(0.into(), &[0; 7], "`rows`, of 7 elements, is not 2 rows of 3");
        let each = "`zr` has 3 elements for the 2 rows";
        check((&[0; 3]).into(), &[0; 6], each);
        check((&vec![0; 3]).into(), &[0; 6], each);
        check([0; 3][..].into(), &[0; 6], each);
    }
}

#[test]
fn nothing_gives_zero() {
    for tier in Tier::available() {
        let none: [u8; 0] = [];
        assert_eq!(tier.dot(&none, 9, &none, 7), Ok(0));
        assert_eq!(tier.l2_squared(&none, 9, &none, 7), Ok(0));
        assert_eq!(tier.cosine(&none, 9, &none, 7), Ok(0.0));
        assert_eq!(tier.sum(&none), 0);
        let mut out = [7; 5];
        tier.dot_rows(&none, 9, &none, 7, &mut out).unwrap();
        assert_eq!(out, [0; 5]);
        out = [7; 5];
        tier.l2_rows(&none, 9, &none, 7, &mut out).unwrap();
        assert_eq!(out, [0; 5]);
        tier.dot_rows(&[1_u8], 9, &none, &none, &mut []).unwrap();
    }
}
